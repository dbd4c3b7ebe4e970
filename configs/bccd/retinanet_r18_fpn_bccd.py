r"""RetinaNet on blood cells, small enough for a CPU.

    python tools/convert_backbone.py \
        work_dirs/cds_r18_cifar10_cpu/epoch_20.pth \
        work_dirs/cds_r18_cifar10_cpu/backbone.pth \
        --detector configs/bccd/retinanet_r18_fpn_bccd.py
    python tools/train.py configs/bccd/retinanet_r18_fpn_bccd.py

``--cfg-options model.backbone.init_cfg.checkpoint=FILE`` starts from another
backbone, ``model.backbone.init_cfg=None`` from none.  For 1 CPU core with 8
images.  Measured: see docs/results.md.
"""

_base_ = [
    '../detection/retinanet_r50-cds_fpn_1x_coco.py',
    '../_base_/detection/bccd.py',
]

model = _base_.narrow_retinanet
model.bbox_head.num_classes = _base_.small_classes
model.data_preprocessor = _base_.small_preprocessor
model.backbone.init_cfg = dict(
    checkpoint='work_dirs/cds_r18_cifar10_cpu/backbone.pth'
)
train_dataloader = _base_.small_train
val_dataloader = _base_.small_val
test_dataloader = val_dataloader
val_evaluator = _base_.small_evaluator
test_evaluator = val_evaluator
train_cfg = _base_.small_train_cfg
optim_wrapper = _base_.narrow_optim_wrapper
param_scheduler = _base_.small_param_scheduler
