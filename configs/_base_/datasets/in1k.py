# ImageNet-1k in data/imagenet: train/<synset>/*.JPEG and val/<synset>/*.JPEG,
# or flat folders with meta/train.txt and meta/val.txt ('path label'), which
# are found by themselves; another file is set with
# `train_dataloader.dataset.ann_file=...` relative to `data_root`.
#
# A flat folder of files named <synset>_*.JPEG needs no annotation file:
#   train_dataloader.dataset.type=ClassFolder
#   train_dataloader.dataset.data_root=data/imagenet_sample
#   train_dataloader.dataset.split=
#   train_dataloader.dataset.class_from=prefix
_base_ = ['views_in1k.py']

train_dataloader = dict(
    dataset=dict(type='ImageNet', data_root='data/imagenet', split='train')
)
val_dataloader = dict(
    dataset=dict(type='ImageNet', data_root='data/imagenet', split='val')
)
test_dataloader = val_dataloader
