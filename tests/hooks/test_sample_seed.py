import os
import random
import uuid
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import ConcatDataset, DefaultSampler, InfiniteSampler
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.runner import IterBasedTrainLoop, Runner
from mmpretrain.registry import DATASETS
from PIL import Image
from torch.utils.data import BatchSampler, DataLoader

from cds_mm.data.built_loader import drawing_sampler
from cds_mm.engine.hooks import RUN_HOOKS
from cds_mm.errors import UserError
from cds_mm.hooks.sample_idx import separate_indices
from cds_mm.hooks.sample_seed import (
    SIBLINGS,
    _first_batch,
    _seed_sampler,
)

HOOKS = ['SampleSeedHook', *SIBLINGS]
PIPELINE = [
    dict(type='LoadRGBImage', on_error='skip'),
    dict(type='RandomCrop', crop_size=8),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackInputs'),
]


@MODELS.register_module()
class Recorder(BaseModel):
    """Keeps what each step saw and what dropout drew."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.steps = []

    def forward(self, inputs, data_samples, mode):
        ids = [sample.sample_idx for sample in data_samples]
        pictures = {
            i: image.numpy().tobytes()
            for i, image in zip(ids, inputs, strict=True)
        }
        draws = (torch.rand(1).item(), np.random.rand(), random.random())
        self.steps.append((ids, pictures, draws))
        return dict(loss=self.weight.sum() * 0)


@pytest.fixture
def folder(tmp_path):
    seed = random.SystemRandom().randrange(2**32)
    print(f'seed of the inputs: {seed}')
    rng = np.random.default_rng(seed)
    for number in range(12):
        path = tmp_path / 'data' / 'ab'[number % 2] / f'{number}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return str(tmp_path / 'data')


def train(folder, work_dir, workers=0, seed=11, epochs=3, **options):
    """Train, and give the steps that the model saw."""
    by_iter = options.pop('iters', None)
    loop = (
        dict(type='IterBasedTrainLoop', max_iters=by_iter)
        if by_iter
        else dict(by_epoch=True, max_epochs=epochs)
    )
    sampler = dict(
        type='InfiniteSampler' if by_iter else 'DefaultSampler', shuffle=True
    )
    runner = Runner(
        model=dict(type='Recorder'),
        work_dir=str(work_dir),
        train_dataloader=dict(
            batch_size=4,
            num_workers=workers,
            persistent_workers=options.pop('persistent', False),
            sampler=options.pop('sampler', sampler),
            collate_fn=dict(type='default_collate'),
            dataset=options.pop(
                'dataset',
                dict(type='ClassFolder', data_root=folder, pipeline=PIPELINE),
            ),
        ),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        train_cfg=loop,
        default_scope='mmpretrain',
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', by_epoch=not by_iter)
            | dict(interval=3 if by_iter else 1)
        ),
        custom_hooks=[dict(type=name) for name in options.pop('hooks', HOOKS)],
        randomness=dict(seed=seed),
        log_level='WARNING',
        # Runners of one name share their logger.
        experiment_name=uuid.uuid4().hex,
        **options,
    )
    runner.train()
    # Workers still alive would be waited for in vain, five seconds each,
    # when the garbage collector finds them.
    runner.train_dataloader._iterator = None
    if by_iter:
        runner.train_loop.dataloader_iterator._iterator = None
    return runner.model.steps


@pytest.mark.parametrize(
    'workers, persistent', [(1, False), (2, True), (2, False)]
)
def test_pictures_do_not_depend_on_workers(
    workers, persistent, folder, tmp_path
):
    wanted = train(folder, tmp_path / 'a')
    got = train(folder, tmp_path / 'b', workers, persistent=persistent)
    assert got == wanted
    assert len(wanted) == 9


def test_epochs_differ_and_seeds_differ(folder, tmp_path):
    steps = train(folder, tmp_path / 'a', epochs=2)
    other = train(folder, tmp_path / 'b', seed=12, epochs=1)
    epochs = [merge(steps[:3]), merge(steps[3:]), merge(other)]
    for first, second in ((0, 1), (0, 2)):
        same = sum(epochs[first][i] == epochs[second][i] for i in range(12))
        # A crop and a flip agree in one of 338 cases.
        assert same <= 2
    assert len({draws for *_, draws in steps}) == len(steps)


def merge(steps):
    return {i: picture for _, seen, _ in steps for i, picture in seen.items()}


@pytest.mark.parametrize('seed', [11, None])
def test_a_resumed_run_is_the_same_run(seed, folder, tmp_path):
    # Without a seed the checkpoint brings it, after the sampler was built.
    straight = train(folder, tmp_path / 'a', seed=seed)
    resumed = train(
        folder,
        tmp_path / 'b',
        workers=2,
        seed=seed,
        resume=True,
        load_from=str(tmp_path / 'a' / 'epoch_2.pth'),
    )
    assert resumed == straight[6:]


@pytest.mark.parametrize('workers', [0, 2])
def test_a_loop_by_iteration(workers, folder, tmp_path):
    straight = train(folder, tmp_path / 'a', workers, iters=9)
    passes = [merge(straight[:3]), merge(straight[3:6]), merge(straight[6:])]
    assert sum(passes[0][i] == passes[1][i] for i in range(12)) <= 2
    resumed = train(
        folder,
        tmp_path / 'b',
        iters=9,
        resume=True,
        load_from=str(tmp_path / 'a' / 'iter_3.pth'),
    )
    assert resumed == straight[3:]


def test_skipped_images_are_logged(folder, tmp_path):
    path = os.path.join(folder, 'a', '0.png')
    with open(path, 'wb') as broken:
        broken.write(b'no image')
    for workers in (0, 2):
        work_dir = tmp_path / f'w{workers}'
        train(folder, work_dir, workers, epochs=2)
        (log,) = work_dir.glob('*/*.log')
        text = log.read_text()
        assert 'epoch 1: 1 of the images' in text
        assert 'epoch 2: 1 of the images' in text


def test_sample_idx_is_unique_over_data_sets(folder):
    leaves = [
        DATASETS.build(
            dict(type='ClassFolder', data_root=folder, pipeline=PIPELINE)
        )
        for _ in range(3)
    ]
    joined = ConcatDataset(leaves)
    for _ in range(2):
        separate_indices(joined)
        got = [joined[i]['data_samples'].sample_idx for i in range(36)]
        assert got == list(range(36))


def test_batches_of_the_sampler_and_the_loader(folder, tmp_path):
    sampler = dict(type='MPerClassSampler', images_per_class=2, batch_size=6)
    with pytest.raises(UserError, match='batch_size=4, .* batches of 6'):
        train(folder, tmp_path, sampler={**sampler, 'images_per_class': 3})
    steps = train(
        folder, tmp_path, sampler={**sampler, 'batch_size': 4}, epochs=1
    )
    assert all(sum(i < 6 for i in ids) == 2 for ids, *_ in steps)


def test_the_sampler_under_a_batch_sampler_gets_the_seed():
    dataset = list(range(8))
    sampler = DefaultSampler(dataset, seed=111)
    batches = BatchSampler(sampler, batch_size=2, drop_last=False)
    loader = DataLoader(dataset, batch_sampler=batches)
    assert loader.sampler is not sampler
    runner = SimpleNamespace(cfg={}, seed=222)
    _seed_sampler(runner, drawing_sampler(loader))
    assert sampler.seed == 222


class Grouping(BatchSampler):
    """Of another kind than PyTorch's, as those of MMDetection."""


@pytest.mark.parametrize(
    'kind, workers, first',
    [(BatchSampler, 2, 5), (Grouping, 2, 0), (Grouping, 0, 5)],
)
def test_the_first_batch_under_a_batch_sampler(kind, workers, first):
    """What MMEngine cannot skip it fetches again, if there are workers."""
    dataset = list(range(8))
    batches = kind(InfiniteSampler(dataset), batch_size=2, drop_last=False)
    loader = DataLoader(dataset, batch_sampler=batches, num_workers=workers)
    loop = IterBasedTrainLoop(SimpleNamespace(), loader, max_iters=9)
    runner = SimpleNamespace(train_loop=loop, iter=5)
    assert _first_batch(runner, loader) == first


@pytest.mark.parametrize('workers', [0, 1])
def test_passes_with_workers_are_warned_of(workers, folder, tmp_path):
    sampler = dict(type='DefaultSampler', shuffle=True)
    train(folder, tmp_path, workers, iters=2, sampler=sampler)
    (log,) = tmp_path.glob('*/*.log')
    warned = 'DefaultSampler in a loop by iteration' in log.read_text()
    assert warned == bool(workers)


def log_of(work_dir):
    (log,) = work_dir.glob('*/*.log')
    return log.read_text()


def test_every_run_has_all_of_them():
    assert set(HOOKS) <= set(RUN_HOOKS)


def test_a_config_that_names_the_seed_hook_alone(folder, tmp_path):
    """As those that were dumped before it was parted."""
    train(folder, tmp_path / 'a', epochs=1, hooks=['SampleSeedHook'])
    warned = 'without LoaderCheckHook, SampleIdxHook, StepSeedHook, Skipped'
    assert warned in log_of(tmp_path / 'a')
    train(folder, tmp_path / 'b', epochs=1)
    assert 'earlier versions' not in log_of(tmp_path / 'b')


def test_images_of_two_data_sets_have_numbers_of_their_own(folder, tmp_path):
    leaf = dict(type='ClassFolder', data_root=folder, pipeline=PIPELINE)
    joined = dict(type='ConcatDataset', datasets=[leaf, leaf])
    steps = train(folder, tmp_path, epochs=1, dataset=joined)
    assert sorted(i for ids, *_ in steps for i in ids) == [*range(24)]
