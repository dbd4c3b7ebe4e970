import numpy as np
import pytest
import torch
from mmengine import FUNCTIONS
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from cds_mm.data import Draws, HorizontalFlip, RGBGrayscale
from cds_mm.errors import UserError

MEAN, STD = [125.0, 120.0, 110.0], [51.0, 50.0, 55.0]


def preprocessor(**options):
    return MODELS.build(
        {
            'type': 'MultiViewDataPreprocessor',
            'mean': MEAN,
            'std': STD,
            **options,
        }
    )


def batch(rng, views, size=3, side=6):
    samples = [
        {
            'inputs': [
                torch.from_numpy(
                    rng.integers(0, 256, (3, side, side), dtype=np.uint8)
                )
                for _ in range(views)
            ],
            'data_samples': DataSample().set_gt_label(i),
        }
        for i in range(size)
    ]
    return samples, FUNCTIONS.get('default_collate')(samples)


def by_hand(image):
    mean, std = (torch.tensor(x)[:, None, None] for x in (MEAN, STD))
    return (image.double() - mean) / std


@pytest.mark.parametrize('views', [1, 2, 3])
def test_rows_are_view_major(views, rng):
    samples, data = batch(rng, views)
    out = preprocessor()(data, training=True)
    assert out['inputs'].dtype == torch.float32
    assert out['inputs'].shape == (views * 3, 3, 6, 6)
    for view in range(views):
        for i, sample in enumerate(samples):
            got = out['inputs'][view * 3 + i]
            wanted = by_hand(sample['inputs'][view])
            assert torch.allclose(got.double(), wanted, atol=1e-5)
    assert [int(s.gt_label) for s in out['data_samples']] == [0, 1, 2]


def test_a_tensor_is_one_view(rng):
    _, data = batch(rng, 1)
    wanted = preprocessor()(data)['inputs']
    _, data = data, {**data, 'inputs': data['inputs'][0]}
    assert torch.equal(preprocessor()(data)['inputs'], wanted)


def test_images_from_pseudo_collate_are_one_view(rng):
    _, data = batch(rng, 1)
    wanted = preprocessor()(data)['inputs']
    data['inputs'] = list(data['inputs'][0])
    assert torch.equal(preprocessor()(data)['inputs'], wanted)


def test_bytes_reach_the_device(rng, monkeypatch):
    _, data = batch(rng, 2)
    model = preprocessor()
    cast, seen = model.cast_data, []

    def record(x):
        seen.extend(t.dtype for t in x if isinstance(t, torch.Tensor))
        return cast(x)

    monkeypatch.setattr(model, 'cast_data', record)
    model(data)
    assert set(seen) == {torch.uint8}


def test_views_of_two_sizes(rng):
    _, data = batch(rng, 2)
    data['inputs'][1] = data['inputs'][1][..., 1:]
    with pytest.raises(UserError, match='differ in shape'):
        preprocessor()(data)


def test_mixup_needs_one_view(rng):
    mixup = {'augments': {'type': 'Mixup', 'alpha': 0.8}}
    model = preprocessor(batch_augments=mixup, num_classes=3)
    _, data = batch(rng, 2)
    with pytest.raises(UserError, match='batch_augments'):
        model(data, training=True)
    model(data, training=False)
    _, data = batch(rng, 1)
    mixed = model(data, training=True)['data_samples']
    assert all(s.gt_score.sum() == pytest.approx(1) for s in mixed)


def test_unstacked_views(rng):
    samples, _ = batch(rng, 2)
    data = FUNCTIONS.get('pseudo_collate')(samples)
    with pytest.raises(UserError, match='default_collate'):
        preprocessor()(data)


def drawing(rng, keys=True, **options):
    """A batch of two views, and a preprocessor that has work on both."""
    _, data = batch(rng, 2, size=8)
    if keys:
        data['draw_key'] = torch.from_numpy(rng.integers(0, 2**62, 8))
    views = [
        [{'type': 'HorizontalFlip', 'prob': 0.5}],
        [{'type': 'HorizontalFlip', 'prob': 0.5}, {'type': 'RGBGrayscale'}],
    ]
    return data, preprocessor(views=views, **options)


def test_operations_of_each_view_are_done_before_the_mean_goes(rng):
    data, model = drawing(rng)
    before = [view.clone() for view in data['inputs']]
    got = model(data, training=True)['inputs']
    for number, view in enumerate(before):
        draws = Draws(data['draw_key'], number)
        wanted = HorizontalFlip(0.5).on_batch(view.clone(), draws)
        if number == 1:
            wanted = RGBGrayscale().on_batch(wanted, draws)
        rows = got[8 * number : 8 * number + 8]
        assert torch.allclose(rows.double(), by_hand(wanted), atol=1e-5)


def test_evaluation_does_none_of_them(rng):
    data, model = drawing(rng)
    wanted = preprocessor()(data)['inputs']
    assert torch.equal(model(data, training=False)['inputs'], wanted)


def test_one_image_serves_all_views(rng):
    data, model = drawing(rng)
    data['inputs'] = data['inputs'][0]
    before = data['inputs'].clone()
    twice = {**data, 'inputs': [before.clone(), before.clone()]}
    got = model(data, training=True)['inputs']
    assert torch.equal(got, model(twice, training=True)['inputs'])
    assert torch.equal(data['inputs'], before)


def test_without_keys_the_generator_of_torch_draws(rng):
    data, model = drawing(rng, keys=False)
    seed = int(rng.integers(2**31))
    rows = []
    for _ in range(2):
        torch.manual_seed(seed)
        copy = {**data, 'inputs': [v.clone() for v in data['inputs']]}
        rows.append(model(copy, training=True)['inputs'])
    assert torch.equal(*rows)


def test_operations_for_other_views_than_there_are(rng):
    data, model = drawing(rng)
    data['inputs'] = data['inputs'][:1]
    with pytest.raises(UserError, match='for 2 views, but the loader gives 1'):
        model(data, training=True)


def test_the_loaders_batch_stays_as_it_was(rng):
    data, model = drawing(rng)
    before = [view.clone() for view in data['inputs']]
    model(data, training=True)
    assert all(map(torch.equal, data['inputs'], before))


def test_images_that_were_not_stacked(rng):
    data, model = drawing(rng)
    data['inputs'] = list(data['inputs'][0])
    with pytest.raises(UserError, match='default_collate'):
        model(data, training=True)


def test_each_view_goes_on_with_the_key_that_the_loader_left(rng):
    data, model = drawing(rng)
    wanted = model(data, training=True)['inputs']
    keys = data['draw_key']
    views = [Draws(keys, number).keys() for number in range(2)]
    data['draw_key'] = torch.stack(views, 1)
    assert torch.equal(model(data, training=True)['inputs'], wanted)
    data['draw_key'] = torch.stack(views[::-1], 1)
    assert not torch.equal(model(data, training=True)['inputs'], wanted)


def test_an_operation_on_single_images_is_none_of_the_device():
    views = [
        [],
        [{'type': 'HorizontalFlip'}, {'type': 'RandomFlip', 'prob': 0.5}],
    ]
    with pytest.raises(UserError, match=r'views\.1\.1: RandomFlip works on'):
        preprocessor(views=views)


@pytest.mark.parametrize(
    'old, new, options',
    [
        ('BatchFlip', 'HorizontalFlip', {'prob': 0.3}),
        ('BatchCrop', 'PaddedCrop', {'crop_size': 6, 'fill': [1, 2, 3]}),
        ('BatchCutout', 'ClippedCutout', {'size': 3, 'fill': 9}),
        ('BatchColorJitter', 'RGBColorJitter', {'hue': 0.1}),
        ('BatchGrayscale', 'RGBGrayscale', {'prob': 0.3}),
    ],
)
def test_configs_that_earlier_versions_dumped(old, new, options, rng):
    data, _ = drawing(rng)
    ways = [
        preprocessor(views=[[{'type': kind, **options}]] * 2)
        for kind in (old, new)
    ]
    rows = [model(data, training=True)['inputs'] for model in ways]
    assert torch.equal(*rows)
