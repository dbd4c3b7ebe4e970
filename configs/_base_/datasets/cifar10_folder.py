# CIFAR-10 as image files: data/cifar10/{train,test}/<class>/*.jpg.
_base_ = ['views_cifar.py']

train_dataloader = dict(
    dataset=dict(type='ClassFolder', data_root='data/cifar10', split='train')
)
val_dataloader = dict(
    dataset=dict(type='ClassFolder', data_root='data/cifar10', split='test')
)
test_dataloader = val_dataloader
