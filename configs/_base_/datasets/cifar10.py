# CIFAR-10 as published (pickles): unpack cifar-10-python.tar.gz into
# data/cifar10.
_base_ = ['views_cifar.py']

train_dataloader = dict(
    dataset=dict(
        type='CIFAR10',
        data_root='data/cifar10',
        split='train',
        download=False,
    )
)
val_dataloader = dict(
    dataset=dict(
        type='CIFAR10',
        data_root='data/cifar10',
        split='test',
        download=False,
    )
)
test_dataloader = val_dataloader
