"""A CDS step in plain PyTorch: eager, float32, contiguous.

Written from the paper and the tables of its code: torchvision's ResNet,
depthwise-separable heads on its stages, cross entropy on the first view,
supervised contrast on all four stages, SGD.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import resnet18, resnet50

from benchmarks.references.supcon import masked_supcon

NETWORKS = {'r18': resnet18, 'r50': resnet50}


class CDSNetwork(nn.Module):
    """A ResNet with a head on each stage.

    Args:
        name: of :data:`NETWORKS`.
        num_classes: K.
        cifar_stem: a 3x3 convolution of stride 1 and no max-pool.
    """

    def __init__(self, name: str, num_classes: int, cifar_stem: bool):
        super().__init__()
        self.trunk = NETWORKS[name](num_classes=num_classes)
        if cifar_stem:
            self.trunk.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
            self.trunk.maxpool = nn.Identity()
        last = self.trunk.fc.in_features
        self.heads = nn.ModuleList(_head(last >> n, n) for n in (3, 2, 1, 0))

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(N, 3, H, W) to logits (N, K) and a unit vector of each stage."""
        trunk = self.trunk
        x = trunk.maxpool(trunk.relu(trunk.bn1(trunk.conv1(images))))
        maps = []
        for stage in (trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4):
            x = stage(x)
            maps.append(x)
        logits = trunk.fc(trunk.avgpool(x).flatten(1))
        pooled = [
            F.adaptive_avg_pool2d(head(stage_map), 1).flatten(1)
            for head, stage_map in zip(self.heads, maps, strict=True)
        ]
        return logits, [F.normalize(vector) for vector in pooled]


def cds_loss(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """The loss of two views of each image.

    Args:
        network: a :class:`CDSNetwork`.
        images: (2B, 3, H, W), normalised, all first views, then all second.
        labels: (B,).
    """
    logits, vectors = network(images)
    contrast = sum(masked_supcon(z, labels.repeat(2)) for z in vectors)
    return F.cross_entropy(logits[: len(labels)], labels) + 0.1 * contrast


class ReferenceStep:
    """Trains a :class:`CDSNetwork` on one batch.

    Args:
        network: it.
        images: as of :func:`cds_loss`.
        labels: (B,).
    """

    def __init__(self, network: nn.Module, images: Tensor, labels: Tensor):
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
        self.network = network.to(device).train()
        self.images, self.labels = images.to(device), labels.to(device)
        self.optimizer = torch.optim.SGD(
            network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4
        )

    def __call__(self) -> None:
        """One step."""
        self.optimizer.zero_grad()
        cds_loss(self.network, self.images, self.labels).backward()
        self.optimizer.step()


def _head(width, blocks):
    """Down to the size of the last stage, doubling the width each time."""
    layers = []
    for _ in range(blocks):
        layers += _separable(width, width, 2) + _separable(width, 2 * width, 1)
        width *= 2
    return nn.Sequential(*layers)


def _separable(cin, cout, stride):
    return [
        nn.Conv2d(cin, cin, 3, stride, 1, groups=cin, bias=False),
        nn.Conv2d(cin, cout, 1, bias=False),
        nn.BatchNorm2d(cout),
        nn.ReLU(inplace=True),
    ]
