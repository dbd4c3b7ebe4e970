"""The metric: in an evaluator, on two ranks, with a temperature, refused."""

import json
import os
import tempfile

import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope
from mmpretrain.structures import DataSample

from cds_mm.errors import UserError
from cds_mm.evaluation import (
    CalibrationMetric,
    KeptScores,
    calibration_scores,
    reliability,
    scale_temperature,
)
from cds_mm.testing import fresh_seed, run_ranks


def predictions(count=7, classes=5, seed=None):
    """Scores (N, C) in fp32 and labels (N,)."""
    seed = fresh_seed() if seed is None else seed
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(count, classes, generator=generator)
    labels = torch.randint(classes, (count,), generator=generator)
    return logits.softmax(1), labels


def data_samples(scores, labels):
    return [
        DataSample().set_gt_label(label.item()).set_pred_score(score)
        for score, label in zip(scores, labels, strict=True)
    ]


def evaluate(metrics, scores, labels, batch=3):
    """Through MMEngine's evaluator, in batches, the last one smaller."""
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        evaluator = Evaluator(metrics)
    samples = data_samples(scores, labels)
    for start in range(0, len(samples), batch):
        evaluator.process(samples[start : start + batch])
    return evaluator.evaluate(len(samples))


def marked(scores, suffix=''):
    return {f'calibration/{key}{suffix}': v for key, v in scores.items()}


def test_beside_accuracy():
    scores, labels = predictions(50)
    metrics = evaluate(
        [dict(type='Accuracy', topk=(1, 2)), dict(type='CalibrationMetric')],
        scores,
        labels,
    )
    accuracy = metrics.pop('accuracy/top1')
    del metrics['accuracy/top2']
    names = 'ece_15 ece_5 nll brier'.split()
    assert list(metrics) == [f'calibration/{name}' for name in names]
    assert metrics == marked(calibration_scores(scores, labels))
    assert all(type(value) is float for value in metrics.values())
    bins = reliability(scores, labels, 15)
    assert accuracy == pytest.approx(
        100 * (bins.count * bins.accuracy).sum() / 50
    )
    assert metrics['calibration/ece_15'] == 100 * bins.error, 'in percent'


def test_bins_and_prefix():
    metric = dict(type='CalibrationMetric', bins=10, prefix='val')
    metrics = evaluate([metric], *predictions(20))
    assert set(metrics) == {'val/ece_10', 'val/nll', 'val/brier'}


def on_a_rank(rank, world_size, seed, count, folder):
    os.chdir(folder)  # the host collects in the working directory
    scores, labels = predictions(count, seed=seed)
    sampler = DefaultSampler(range(count), shuffle=False)
    indices = list(sampler)
    metric = CalibrationMetric()
    for start in range(0, len(indices), 3):
        chosen = indices[start : start + 3]
        samples = data_samples(scores[chosen], labels[chosen])
        metric.process(None, [sample.to_dict() for sample in samples])
    return len(indices), metric.evaluate(count)


def test_two_ranks_equal_one_process(tmp_path):
    seed, count = fresh_seed(), 7
    scores, labels = predictions(count, seed=seed)
    wanted = evaluate([dict(type='CalibrationMetric')], scores, labels)
    found = run_ranks(2, on_a_rank, 2, seed, count, str(tmp_path))
    assert [length for length, _ in found] == [4, 4], 'one is padded'
    assert [metrics for _, metrics in found] == [wanted, wanted]
    twice = torch.tensor([*range(count), 0])
    padded = calibration_scores(scores[twice], labels[twice])
    assert padded['nll'] != wanted['calibration/nll']


def test_rows_are_sent_without_their_batch():
    scores, labels = predictions(64, 1000)
    metric = CalibrationMetric()
    metric.process(None, [s.to_dict() for s in data_samples(scores, labels)])
    with tempfile.TemporaryFile() as file:
        torch.save(metric.results, file)
        assert file.tell() < 2 * scores.nbytes
    assert metric.results[0]['score'].untyped_storage().nbytes() == 4000


def test_a_temperature_marks_every_key(tmp_path):
    scores, labels = predictions(50)
    file = tmp_path / 'reliability.json'
    file.write_text(json.dumps(dict(temperature=1.7)))
    wanted = calibration_scores(scale_temperature(scores, 1.7), labels)
    wanted = marked(wanted, '_temperature_scaled')
    for given in (dict(temperature=1.7), dict(temperature_from=str(file))):
        # Both in one list: no name is given twice.
        plain = dict(type='CalibrationMetric')
        metrics = evaluate([plain, {**plain, **given}], scores, labels)
        assert metrics.pop('calibration/temperature') == 1.7
        for key, value in marked(calibration_scores(scores, labels)).items():
            assert metrics.pop(key) == value
        assert metrics == wanted


def test_the_temperature_one_changes_nothing():
    scores, labels = predictions(50)
    # What is rounded may not cross the edge of a bin, a fifteenth or fifth.
    in_bin = (15 * scores.amax(1)).frac()
    clear = (in_bin > 1e-3) & (in_bin < 1 - 1e-3)
    scores, labels = scores[clear], labels[clear]
    metrics = evaluate(
        [dict(type='CalibrationMetric', temperature=1)], scores, labels
    )
    for key, value in calibration_scores(scores, labels).items():
        name = f'calibration/{key}_temperature_scaled'
        assert metrics[name] == pytest.approx(value, rel=1e-5)


def test_kept_scores_add_nothing():
    scores, labels = predictions()
    kept = KeptScores()
    assert evaluate([kept], scores, labels) == {}
    assert torch.equal(kept.scores[0], scores)
    assert torch.equal(kept.scores[1], labels)


def label_only():
    return DataSample().set_gt_label(0).set_pred_label(0)


def scored(score, label=0):
    return DataSample().set_gt_label(label).set_pred_score(score)


@pytest.mark.parametrize(
    ('sample', 'words'),
    [
        (label_only(), 'no pred_score'),
        (DataSample().set_pred_score(torch.ones(1)), 'gt_label'),
        (scored(torch.tensor([0.5, 0.5]), [0, 1]), 'gt_label'),
        (scored(torch.tensor([0.5, 0.5]), 2), 'gt_label 2 .* 2 classes'),
        (scored(torch.tensor([0.5, 0.5]), -1), 'gt_label -1'),
        (scored(torch.tensor([3.0, -2.0])), 'the first sums to 1'),
        (scored(torch.tensor([0.9, 0.8])), 'the first sums to 1.7'),
        (scored(torch.tensor([float('nan'), 1.0])), 'sums to nan'),
        (scored(torch.tensor([0.5, 0.5]).bfloat16()), 'leave --amp out'),
    ],
)
def test_what_has_no_softmax_is_refused(sample, words):
    with pytest.raises(UserError, match=words) as refused:
        CalibrationMetric().process(None, [sample.to_dict()])
    assert '\n' not in str(refused.value)


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        (dict(bins=0), 'bins=0'),
        (dict(bins=(15, 2.5)), 'bins=2.5'),
        (dict(temperature=0), 'temperature=0'),
        (dict(temperature=float('inf')), 'temperature=inf'),
        (dict(temperature='warm'), 'temperature=warm'),
        (dict(temperature=1, temperature_from='x'), 'leave one out'),
        (dict(temperature_from='nowhere.json'), 'nowhere.json: No such file'),
        (dict(temperature_from=os.devnull), 'holds no temperature'),
    ],
)
def test_settings_that_make_no_sense(settings, words):
    with pytest.raises(UserError, match=words):
        CalibrationMetric(**settings)


@pytest.mark.parametrize('text', ['{}', '[1]', '{"temperature": "warm"}'])
def test_a_file_without_a_temperature(tmp_path, text):
    file = tmp_path / 'file.json'
    file.write_text(text)
    with pytest.raises(UserError, match=f'{file}: .*temperature'):
        CalibrationMetric(temperature_from=str(file))
