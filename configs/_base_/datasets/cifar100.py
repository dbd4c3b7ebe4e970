# CIFAR-100 as published (pickles): unpack cifar-100-python.tar.gz into
# data/cifar100.
_base_ = ['views_cifar.py']

train_dataloader = dict(
    dataset=dict(
        type='CIFAR100',
        data_root='data/cifar100',
        split='train',
        download=False,
    )
)
val_dataloader = dict(
    dataset=dict(
        type='CIFAR100',
        data_root='data/cifar100',
        split='test',
        download=False,
    )
)
test_dataloader = val_dataloader
