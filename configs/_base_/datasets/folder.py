# Images of your own, one folder for each class, with the ImageNet views:
# data/images/train/<class>/* and data/images/val/<class>/*. On the command
# line:
#   train_dataloader.dataset.data_root=DIR
#   val_dataloader.dataset.data_root=DIR
#   model.head.num_classes=N
_base_ = ['views_in1k.py']

train_dataloader = dict(
    dataset=dict(type='ClassFolder', data_root='data/images', split='train')
)
val_dataloader = dict(
    dataset=dict(type='ClassFolder', data_root='data/images', split='val')
)
test_dataloader = val_dataloader
