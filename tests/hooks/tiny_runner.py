"""A real runner around one linear layer."""

import itertools

import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader, Dataset

import cds_mm.registration  # noqa: F401

# The host keeps one logger and one hub for each name.
_NUMBERS = itertools.count()


class Numbers(Dataset):
    """Eight vectors; data samples are counted by their list."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.full((3,), float(index)), index


def collate(pairs):
    inputs, indices = zip(*pairs, strict=True)
    return dict(inputs=torch.stack(inputs), data_samples=list(indices))


class Linear(BaseModel):
    """One layer; its loss can be poisoned at one iteration."""

    def __init__(self, poison_at=None, poison=float('nan')):
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.poison_at, self.poison, self.seen = poison_at, poison, 0

    def forward(self, inputs, data_samples=None, mode='tensor'):
        loss = self.layer(inputs).pow(2).mean()
        if mode == 'predict':
            return [float(loss.detach())]
        self.seen += 1
        if self.seen == self.poison_at:
            loss = loss * self.poison
        return dict(loss_main=loss, other=loss.detach() * 0)


def runner(
    work_dir,
    *hooks,
    model=None,
    epochs=2,
    checkpoint=None,
    train_cfg=None,
    **more,
):
    """Two iterations an epoch, batches of four, SGD."""
    return Runner(
        model or Linear(),
        work_dir=str(work_dir),
        train_dataloader=DataLoader(Numbers(), 4, collate_fn=collate),
        train_cfg=train_cfg or dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=1e-3)),
        default_hooks=dict(checkpoint=checkpoint, logger=None),
        custom_hooks=list(hooks),
        default_scope='mmengine',
        experiment_name=f'tiny_{next(_NUMBERS)}',
        log_level='WARNING',
        **more,
    )
