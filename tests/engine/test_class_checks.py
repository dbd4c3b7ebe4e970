"""The classes of a detection against those of a checkpoint."""

from types import SimpleNamespace

import pytest
from mmengine.config import Config

from cds_mm.engine.class_checks import check_judged_classes
from cds_mm.errors import UserError
from cds_mm.hooks.resume_classes import check_resumed_classes
from cds_mm.run_warnings import warnings_so_far

KNOWN = ('cow', 'goat', 'horse', 'pig')
META = dict(dataset_meta=dict(classes=KNOWN))


def of(*classes):
    return SimpleNamespace(metainfo=dict(classes=classes))


@pytest.fixture
def cfg():
    model = dict(type='RetinaNet')
    return Config(dict(model=model, default_scope='mmdet', load_from='x.pth'))


def test_a_test_by_the_classes_of_the_checkpoint(cfg):
    check_judged_classes(of(*KNOWN), cfg, META)
    check_judged_classes(of('Cow', 'GOAT', 'horse', 'pig'), cfg, META)
    assert not warnings_so_far()
    wanted = "x.pth: was trained with label 1 for 'GOAT', test_.* gives it 0"
    with pytest.raises(UserError, match=wanted):
        check_judged_classes(of('GOAT', 'Cow', 'horse', 'pig'), cfg, META)


def test_other_names_in_a_test_are_a_warning(cfg):
    """They may be other words for the same classes."""
    check_judged_classes(of('cow', 'sheep', 'horse', 'pig'), cfg, META)
    (text,) = warnings_so_far()
    assert "label 1 is 'sheep', and 'goat' in x.pth (1 of 4 names" in text


def test_a_resumed_detection_has_the_same_classes(cfg):
    cfg.resume = True
    check_resumed_classes(of('Cow', 'goat', 'horse', 'pig'), cfg, META)
    with pytest.raises(UserError, match="x.pth: .*'sheep' is none of them"):
        check_resumed_classes(of('cow', 'sheep', 'horse', 'pig'), cfg, META)
    wanted = r'another order; set train_.*classes="\(\'cow\',\'goat\''
    with pytest.raises(UserError, match=wanted):
        check_resumed_classes(of(*KNOWN[::-1]), cfg, META)
    check_resumed_classes(of(*KNOWN[::-1]), cfg, {})  # unknown
    # A detector that reads the names as text.
    cfg.model.language_model = dict(type='BertModel')
    check_resumed_classes(of(*KNOWN[::-1]), cfg, META)


def test_a_start_from_weights_may_have_other_classes(cfg):
    cfg.resume = False
    check_resumed_classes(of(*KNOWN[::-1]), cfg, META)
