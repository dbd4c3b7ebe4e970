"""ResNet-50, cross entropy, images of your own.

Train configs/baseline_r50_folder.py first.  The config that this run leaves in
its work dir has your classes:
``model.teacher.config=work_dirs/baseline_r50_folder/baseline_r50_folder.py``.
"""

teacher = dict(
    type='Teacher',
    config='configs/baseline_r50_folder.py',
    checkpoint='work_dirs/baseline_r50_folder/epoch_90.pth',
)
