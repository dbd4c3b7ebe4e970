"""Safe reading, stripping, proving and writing of backbone checkpoints."""

from cds_mm.checkpoint.batchnorm import reestimate_batchnorm
from cds_mm.checkpoint.conversion import Options, Result, convert
from cds_mm.checkpoint.converted_file import carries_fingerprint
from cds_mm.checkpoint.detector import Detector
from cds_mm.checkpoint.detector_side import DetectorSide
from cds_mm.checkpoint.extract import Extracted, extract_backbone
from cds_mm.checkpoint.fingerprints import fingerprint
from cds_mm.checkpoint.proof import Proof
from cds_mm.checkpoint.reading import read_checkpoint
from cds_mm.checkpoint.record import BackboneRecord
from cds_mm.checkpoint.summary import report, usage
from cds_mm.checkpoint.training_config import record_from_config
from cds_mm.checkpoint.verify import check_file, prove_parity
from cds_mm.checkpoint.writing import write_checkpoint

__all__ = [
    'BackboneRecord',
    'Detector',
    'DetectorSide',
    'Extracted',
    'Options',
    'Proof',
    'Result',
    'carries_fingerprint',
    'check_file',
    'convert',
    'extract_backbone',
    'fingerprint',
    'prove_parity',
    'read_checkpoint',
    'record_from_config',
    'reestimate_batchnorm',
    'report',
    'usage',
    'write_checkpoint',
]
