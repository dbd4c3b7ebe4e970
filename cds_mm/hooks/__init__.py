"""Runner hooks; each serves classification and detection runs alike."""

import cds_mm.hosts  # noqa: F401

from cds_mm.hooks.atomic_checkpoint import AtomicCheckpointHook
from cds_mm.hooks.backbone_record import BackboneRecordHook
from cds_mm.hooks.fast_path import FastPathHook
from cds_mm.hooks.loaded_weights import LoadedWeightsHook
from cds_mm.hooks.loader_check import LoaderCheckHook
from cds_mm.hooks.memory_format import MemoryFormatHook
from cds_mm.hooks.method_summary import MethodSummaryHook
from cds_mm.hooks.painting import PaintingHook
from cds_mm.hooks.progress_bar import ProgressBarHook
from cds_mm.hooks.record_test_metrics import RecordTestMetricsHook
from cds_mm.hooks.resume_check import ResumeCheckHook
from cds_mm.hooks.sample_idx import SampleIdxHook
from cds_mm.hooks.sample_seed import SampleSeedHook
from cds_mm.hooks.skipped_images import SkippedImagesHook
from cds_mm.hooks.step_seed import StepSeedHook
from cds_mm.hooks.stop_on_nonfinite import StopOnNonFiniteHook
from cds_mm.hooks.strict_load import StrictLoadHook
from cds_mm.hooks.throughput import ThroughputHook
from cds_mm.hooks.training_labels import TrainingLabelsHook
from cds_mm.hooks.trial_evaluation import TrialEvaluationHook
from cds_mm.hooks.trial_step import TrialStepHook
from cds_mm.hooks.verify_pretrained import VerifyPretrainedHook
from cds_mm.hooks.warning_summary import WarningSummaryHook
from cds_mm.hooks.zero_ap import ZeroAPHook

__all__ = [
    'AtomicCheckpointHook',
    'BackboneRecordHook',
    'FastPathHook',
    'LoadedWeightsHook',
    'LoaderCheckHook',
    'MemoryFormatHook',
    'MethodSummaryHook',
    'PaintingHook',
    'ProgressBarHook',
    'RecordTestMetricsHook',
    'ResumeCheckHook',
    'SampleIdxHook',
    'SampleSeedHook',
    'SkippedImagesHook',
    'StepSeedHook',
    'StopOnNonFiniteHook',
    'StrictLoadHook',
    'ThroughputHook',
    'TrainingLabelsHook',
    'TrialEvaluationHook',
    'TrialStepHook',
    'VerifyPretrainedHook',
    'WarningSummaryHook',
    'ZeroAPHook',
]
