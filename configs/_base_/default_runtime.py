"""Hooks, logs and environment of every classification run."""

custom_imports = dict(imports=['cds_mm.registration'])
default_scope = 'mmpretrain'

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=100),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # Unlike the host's hook it never has a moment without a checkpoint.
    checkpoint=dict(
        type='AtomicCheckpointHook',
        interval=1,
        max_keep_ckpts=2,
        save_best='accuracy/top1',
        rule='greater',
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='VisualizationHook', enable=False),
)
custom_hooks = [
    dict(type='LoaderCheckHook'),
    dict(type='SampleIdxHook'),
    dict(type='SampleSeedHook'),
    dict(type='StepSeedHook'),
    dict(type='SkippedImagesHook'),
    dict(type='StopOnNonFiniteHook'),
    dict(type='ThroughputHook'),
    dict(type='ProgressBarHook'),
    dict(type='FastPathHook'),
    dict(type='ResumeCheckHook'),
    dict(type='MemoryFormatHook'),
    dict(type='LoadedWeightsHook'),
    dict(type='TrialStepHook'),
    dict(type='WarningSummaryHook'),
    dict(type='MethodSummaryHook'),
    dict(type='BackboneRecordHook'),
    dict(type='TrainingLabelsHook'),
]

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
vis_backends = [
    dict(type='LocalVisBackend'),
    dict(type='TensorboardVisBackend'),
]
visualizer = dict(type='UniversalVisualizer', vis_backends=vis_backends)
log_level = 'INFO'
load_from = None
resume = False
# A fixed seed, so that a resumed run is the same run.
randomness = dict(seed=0, deterministic=False)
