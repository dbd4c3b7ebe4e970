"""The hooks that every run of ours has, whichever host its config is from."""

from cds_mm.config import (
    REGISTRATION,
    import_modules,
    imported_modules,
    is_detection,
    type_name,
)
from cds_mm.engine.pretrained import PretrainedFile

# Also written out in configs/_base_/default_runtime.py, so that a run
# through another launcher is the same run; a test compares the two.
RUN_HOOKS = (
    'LoaderCheckHook',
    'SampleIdxHook',
    'SampleSeedHook',
    'StepSeedHook',
    'SkippedImagesHook',
    'StopOnNonFiniteHook',
    'ThroughputHook',
    'ProgressBarHook',
    'FastPathHook',
    'ResumeCheckHook',
    'MemoryFormatHook',
    'LoadedWeightsHook',
    'TrialStepHook',
    'WarningSummaryHook',
)
CLASSIFICATION_HOOKS = (
    'MethodSummaryHook',
    'BackboneRecordHook',
    'TrainingLabelsHook',
)
DETECTION_HOOKS = ('ZeroAPHook', 'TrialEvaluationHook')
TENSORBOARD = 'TensorboardVisBackend'


def add_run_hooks(cfg, pretrained: PretrainedFile | None = None) -> None:
    """Add what the config lacks, in place.

    A detection config inherits MMDetection's runtime and knows nothing of
    this package; it gets the same safety here.

    Args:
        cfg: of the run.
        pretrained: the file that its backbone starts from, if it trains.
    """
    detection = is_detection(cfg)
    wanted = RUN_HOOKS + (
        DETECTION_HOOKS if detection else CLASSIFICATION_HOOKS
    )
    add_hooks(cfg, *(dict(type=name) for name in wanted))
    _import_them(cfg)
    checkpoint = cfg.get('default_hooks', {}).get('checkpoint')
    if checkpoint and type_name(checkpoint) == 'CheckpointHook':
        checkpoint.type = 'AtomicCheckpointHook'
    _add_tensorboard(cfg)
    record = pretrained.record if pretrained else None
    # A classifier without a fingerprint may see other images on purpose.
    if record and (detection or record.fingerprint):
        add_hooks(cfg, dict(type='VerifyPretrainedHook'))


def add_hooks(cfg, *hooks: dict) -> None:
    """Append hooks whose type is not there yet, in place."""
    present = list(cfg.get('custom_hooks') or [])
    names = {type_name(hook) for hook in present}
    cfg.custom_hooks = present + [h for h in hooks if h['type'] not in names]


def _import_them(cfg):
    """Let the dumped config be run by any launcher."""
    names = imported_modules(cfg)
    if REGISTRATION not in names:
        import_modules(cfg, [*names, REGISTRATION])


def _add_tensorboard(cfg):
    backends = (cfg.get('visualizer') or {}).get('vis_backends')
    if isinstance(backends, dict):  # the host takes a single one, too
        backends = [backends]
    if backends and TENSORBOARD not in map(type_name, backends):
        cfg.visualizer.vis_backends = [*backends, dict(type=TENSORBOARD)]
