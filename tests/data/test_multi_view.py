import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine import Config
from mmpretrain.registry import DATASETS, TRANSFORMS

from cds_mm.config import use_parity
from cds_mm.data import SeededFetch, SeededMultiView


def dataset(config, recipe, root):
    """With all of the views in the loader, as they are without a device."""
    cfg = Config.fromfile(f'configs/_base_/datasets/{config}.py')
    cfg.train_dataloader.dataset = {
        'type': 'ClassFolder',
        'data_root': root,
        'pipeline': cfg[recipe],
    }
    cfg.data_preprocessor = cfg[f'{recipe}_on_device']
    use_parity(cfg)
    return DATASETS.build(cfg.train_dataloader.dataset)


@pytest.mark.parametrize('config', ['views_cifar', 'views_in1k'])
def test_first_view_is_that_of_the_recipe_with_one(
    config, image_folder, rng, monkeypatch, request
):
    monkeypatch.chdir(request.config.rootpath)
    root = image_folder('x', {'a': 3, 'b': 2}, side=64)
    seed = int(rng.integers(2**31))
    one = SeededFetch(dataset(config, 'one_view', root), seed)
    two = SeededFetch(dataset(config, 'two_views', root), seed)
    previous = None
    for epoch in range(3):
        one.set_epoch(epoch)
        two.set_epoch(epoch)
        alone = torch.stack([x['inputs'] for x in one(range(5))])
        pairs = [x['inputs'] for x in two([4, 0, 2, 1, 3])]
        first = torch.stack([pairs[i][0] for i in (1, 3, 2, 4, 0)])
        assert torch.equal(alone, first)
        assert alone.dtype == torch.uint8
        assert all(not torch.equal(a, b) for a, b in pairs)
        assert previous is None or not torch.equal(alone, previous)
        previous = alone


def test_a_view_does_not_depend_on_those_before():
    def take(count):
        return lambda results: {
            'img': [np.random.rand() for _ in range(count)][:1]
        }

    def second(first_draws):
        views = SeededMultiView([[take(first_draws)], [take(1)]])
        fetch = SeededFetch([{'img': None}], 3)
        fetch.dataset = _Through(views)
        return fetch([0])[0]['img'][1]

    assert second(1) == second(9)


class _Through:
    def __init__(self, transform):
        self.transform = transform

    def __getitem__(self, index):
        return self.transform({'img': np.zeros((2, 2, 3), np.uint8)})


def test_views_do_not_share_pixels(image):
    def blacken(results):
        results['img'][:] = 0
        return results

    views = TRANSFORMS.build(
        {'type': 'SeededMultiView', 'transforms': [[blacken], []]}
    )
    black, untouched = views({'img': image.copy()})['img']
    assert not black.any()
    assert np.array_equal(untouched, image)


def test_num_views_repeats_a_pipeline_with_other_draws(image):
    crop = {'type': 'RandomCrop', 'crop_size': 8}
    views = SeededMultiView([[crop], [crop]], num_views=[1, 3])
    fetch = SeededFetch(None, 0)
    fetch.dataset = _Through(lambda _: views({'img': image}))
    drawn = fetch([0])[0]['img']
    assert len(drawn) == 4
    assert len({view.tobytes() for view in drawn}) == 4


@pytest.mark.parametrize('crops', [True, False])
def test_an_image_is_copied_for_those_that_may_change_it(crops, rng):
    class Change(BaseTransform):
        def transform(self, results):
            results['img'][:] = 0
            return results

    crop = {'type': 'AntialiasedResizedCrop', 'scale': 8}
    steps = [crop, Change()] if crops else [Change()]
    image = rng.integers(1, 256, (20, 20, 3), dtype=np.uint8)
    before, copies = image.copy(), []
    original = np.ndarray.__deepcopy__

    class Counted(np.ndarray):
        def __deepcopy__(self, memo):
            copies.append(1)
            return original(self, memo)

    views = SeededMultiView([steps, steps])({'img': image.view(Counted)})
    assert np.array_equal(image, before)
    assert not np.any(views['img'])
    assert len(copies) == (0 if crops else 2)
