# CUB-200-2011 in data/cub, as in CUB_200_2011.tgz: images/<class>/*.jpg,
# images.txt, image_class_labels.txt and train_test_split.txt. The archive has
# them in a folder of its own; where that is kept, set
#   train_dataloader.dataset.data_root=data/cub/CUB_200_2011
#   val_dataloader.dataset.data_root=data/cub/CUB_200_2011
_base_ = ['views_in1k.py']

# For one GPU.
train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    dataset=dict(type='CUB', data_root='data/cub', split='train'),
)
val_dataloader = dict(
    dataset=dict(type='CUB', data_root='data/cub', split='test')
)
test_dataloader = val_dataloader
