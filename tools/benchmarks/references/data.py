"""Two views of an image with Pillow and torchvision, as published.

The recipes of the released CDS code (ImageNet and CIFAR): decoded once, both
views made on the CPU, one by one, and stacked as float32.
"""

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import (
    ColorJitter,
    Compose,
    Normalize,
    RandomApply,
    RandomCrop,
    RandomGrayscale,
    RandomHorizontalFlip,
    RandomResizedCrop,
    ToTensor,
)


class TwoViews(Dataset):
    """Both views of files or arrays.

    Args:
        images: paths, or uint8 arrays (H, W, 3).
        labels: one for each.
        views: the two transforms of a Pillow image.
    """

    def __init__(self, images, labels, views):
        self.images, self.labels, self.views = images, labels, views

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = _opened(self.images[index])
        return [view(image) for view in self.views], self.labels[index]


def loader(images, labels, views, batch_size) -> DataLoader:
    """Batches in random order, loaded by the process that asks."""
    return DataLoader(
        TwoViews(images, labels, views), batch_size, shuffle=True
    )


def imagenet_views() -> tuple[Compose, Compose]:
    """For cross entropy, and for contrast."""
    ending = [
        ToTensor(),
        Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
    return (
        Compose([RandomResizedCrop(224), RandomHorizontalFlip(), *ending]),
        Compose(
            [
                RandomResizedCrop(224, scale=(0.2, 1.0)),
                RandomHorizontalFlip(),
                *_colours(),
                *ending,
            ]
        ),
    )


def cifar_views() -> tuple[Compose, Compose]:
    """For cross entropy, and for contrast."""
    normalize = Normalize((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
    return (
        Compose(
            [
                RandomCrop(32, padding=4, fill=128),
                RandomHorizontalFlip(),
                ToTensor(),
                cutout,
                normalize,
            ]
        ),
        Compose(
            [
                RandomCrop(32, padding=4),
                RandomHorizontalFlip(),
                *_colours(),
                ToTensor(),
                normalize,
            ]
        ),
    )


def cutout(image: torch.Tensor, side: int = 16) -> torch.Tensor:
    """A black square, cut off at the borders, in (3, H, W)."""
    mask = np.ones(image.shape[1:], np.float32)
    middle = [np.random.randint(length) for length in mask.shape]
    rows, columns = (
        slice(max(0, m - side // 2), m + side // 2) for m in middle
    )
    mask[rows, columns] = 0
    return image * torch.from_numpy(mask)


def _colours():
    return [
        RandomApply([ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
        RandomGrayscale(p=0.2),
    ]


def _opened(image):
    if isinstance(image, np.ndarray):
        return Image.fromarray(image)
    with Image.open(image) as opened:
        return opened.convert('RGB')
