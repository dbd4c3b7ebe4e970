# Stanford Dogs in data/dogs: Images/<synset>-<breed>/*.jpg from images.tar,
# and train_list.mat and test_list.mat from lists.tar, beside it or in lists/.
#
# Its images come from ImageNet's training set: after pretraining on ImageNet
# the accuracy is optimistic.
_base_ = ['views_in1k.py']

# For one GPU.
train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    dataset=dict(type='StanfordDogs', data_root='data/dogs', split='train'),
)
val_dataloader = dict(
    dataset=dict(type='StanfordDogs', data_root='data/dogs', split='test')
)
test_dataloader = val_dataloader
