"""What all leaf configs of a data set, or of a model, have in common."""

from typing import NamedTuple


class Data(NamedTuple):
    """A data set.

    Attributes:
        label: for people.
        kind: its class.
        model: end of the names of the models' bases for it.
        schedule: the usual one.
        gpus: for which it is.
        batch: images on each of them.
        classes: where they differ from those of the model.
    """

    label: str
    kind: str
    model: str
    schedule: str
    gpus: int
    batch: int
    classes: int | None = None


_CIFAR = ('_cifar', 'cifar_300e', 1, 128)
_PHOTOGRAPHS = ('', 'in1k_90e', 8, 32)
_FINE = ('_pretrained', 'finetune_100e', 1, 64)
DATA = {
    'in1k': Data('ImageNet', 'ImageNet', *_PHOTOGRAPHS),
    'folder': Data('images of your own', 'ClassFolder', *_PHOTOGRAPHS),
    'cifar100': Data('CIFAR-100', 'CIFAR100', *_CIFAR),
    'cifar10': Data('CIFAR-10', 'CIFAR10', *_CIFAR, 10),
    'cifar10_folder': Data('CIFAR-10 files', 'ClassFolder', *_CIFAR, 10),
    'cub': Data('CUB-200-2011', 'CUB', *_FINE, 200),
    'cars': Data('Stanford Cars', 'StanfordCars', *_FINE, 196),
    'flowers': Data('Flowers-102', 'Flowers102', *_FINE, 102),
    'dogs': Data('Stanford Dogs', 'StanfordDogs', *_FINE, 120),
    'aircraft': Data('FGVC-Aircraft', 'FGVCAircraft', *_FINE, 100),
    'coco': Data('COCO', 'CocoDataset', '', '1x', 8, 2),
    'voc0712': Data('Pascal VOC 07+12', 'VOCDataset', '', '1x', 8, 2),
}
MODELS = {
    'r18': 'ResNet-18',
    'r34': 'ResNet-34',
    'r50': 'ResNet-50',
    'r101': 'ResNet-101',
    'rxt50': 'ResNeXt-50',
    'rxt101': 'ResNeXt-101',
    'wrn50': 'Wide ResNet-50-2',
    'wrn101': 'Wide ResNet-101-2',
    'se18': 'SE-ResNet-18',
    'se50': 'SE-ResNet-50',
    'preact18': 'PreAct-ResNet-18',
    'convnext-t': 'ConvNeXt-T',
    'swin-t': 'Swin-T',
    'regnetx-3.2gf': 'RegNetX-3.2GF',
    'mobilenet-v2': 'MobileNetV2',
    'cspnext-s': 'CSPNeXt-S',
    'cspdarknet-s': 'CSPDarknet-S',
}
# Those whose base says how a detector shows it images, as `network_input`.
OWN_INPUT = ('cspnext-s', 'cspdarknet-s')
# Of each student on ImageNet, the network that teaches it.
NEXT = {'r18': 'r34', 'r34': 'r50', 'r50': 'r101'}
