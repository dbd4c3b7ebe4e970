"""Every method: its name for people, its paper, its code, its views."""

from typing import NamedTuple


class Paper(NamedTuple):
    """Where a method was published.

    Attributes:
        title: of the paper.
        url: of its preprint.
        cited: authors, venue and year, for a table.
    """

    title: str
    url: str
    cited: str


class Method(NamedTuple):
    """A way to train that configs are called after.

    Attributes:
        label: in the title of a config.
        row: in a table of methods; empty for what no row is for.
        paper: None for cross entropy.
        code: files of its supervision; empty where a host has it.
        views: the pipeline that it trains with, where it is not that of
            cross entropy.
        taught_by: of its teacher, e.g. 'CDS trained'; empty where it has none.
    """

    label: str
    row: str
    paper: Paper | None
    code: tuple[str, ...]
    views: str = ''
    taught_by: str = ''


_CDS = Paper(
    'Contrastive Deep Supervision',
    'https://arxiv.org/abs/2207.05306',
    'Zhang et al., ECCV 2022',
)
_DSN = Paper(
    'Deeply-Supervised Nets',
    'https://arxiv.org/abs/1409.5185',
    'Lee et al., AISTATS 2015',
)
_DKS = Paper(
    'Deeply-supervised Knowledge Synergy',
    'https://arxiv.org/abs/1906.00675',
    'Sun et al., CVPR 2019',
)
_DHM = Paper(
    'Dynamic Hierarchical Mimicking Towards Consistent Optimization '
    'Objectives',
    'https://arxiv.org/abs/2003.10739',
    'Li et al., CVPR 2020',
)
_KD = Paper(
    'Distilling the Knowledge in a Neural Network',
    'https://arxiv.org/abs/1503.02531',
    'Hinton et al., 2015',
)
_AT = Paper(
    'Paying More Attention to Attention',
    'https://arxiv.org/abs/1612.03928',
    'Zagoruyko and Komodakis, ICLR 2017',
)
_RKD = Paper(
    'Relational Knowledge Distillation',
    'https://arxiv.org/abs/1904.05068',
    'Park et al., CVPR 2019',
)
_SP = Paper(
    'Similarity-Preserving Knowledge Distillation',
    'https://arxiv.org/abs/1907.09682',
    'Tung and Mori, ICCV 2019',
)
_CRD = Paper(
    'Contrastive Representation Distillation',
    'https://arxiv.org/abs/1910.10699',
    'Tian et al., ICLR 2020',
)
_CC = Paper(
    'Correlation Congruence for Knowledge Distillation',
    'https://arxiv.org/abs/1904.01802',
    'Peng et al., ICCV 2019',
)
_ONE = Paper(
    'Knowledge Distillation by On-the-Fly Native Ensemble',
    'https://arxiv.org/abs/1806.04606',
    'Lan et al., NeurIPS 2018',
)
_SSKD = Paper(
    'Knowledge Distillation Meets Self-Supervision',
    'https://arxiv.org/abs/2006.07114',
    'Xu et al., ECCV 2020',
)
_SUPCON = Paper(
    'Supervised Contrastive Learning',
    'https://arxiv.org/abs/2004.11362',
    'Khosla et al., NeurIPS 2020',
)
_BYOL = Paper(
    'Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning',
    'https://arxiv.org/abs/2006.07733',
    'Grill et al., NeurIPS 2020',
)
_TAUGHT = 'cross entropy trained'
_DISTILLED = 'Distilled CDS'
METHODS = {
    'baseline': Method(
        'Cross entropy', 'Cross entropy', None, ('cross_entropy',)
    ),
    'dsn': Method('DSN', 'DSN', _DSN, ('dsn',)),
    'dks': Method('DKS', 'DKS', _DKS, ('dks',)),
    'dhm': Method('DHM', 'DHM', _DHM, ('dhm', 'dks')),
    'cds': Method('CDS', 'CDS', _CDS, ('cds',), 'two_views'),
    'cds-semi': Method(
        'CDS', 'CDS with few labels', _CDS, ('cds',), 'two_views'
    ),
    'kd': Method('KD', 'KD', _KD, ('kd',), '', _TAUGHT),
    'at': Method('AT', 'AT', _AT, ('at',), '', _TAUGHT),
    'rkd': Method('RKD', 'RKD', _RKD, ('rkd',), '', _TAUGHT),
    'sp': Method('SP', 'SP', _SP, ('sp',), '', _TAUGHT),
    'crd': Method('CRD', 'CRD', _CRD, ('crd',), '', _TAUGHT),
    'cc': Method('CC', 'CC', _CC, ('cc',), '', _TAUGHT),
    'one': Method('ONE', 'ONE (OKD in the table), no teacher', _ONE, ('one',)),
    'sskd': Method(
        'SSKD',
        'SSKD, two runs',
        _SSKD,
        ('sskd',),
        'four_rotations',
        'learned the rotations',
    ),
    'sskd-teacher': Method(
        'SSKD, the teacher',
        '',
        _SSKD,
        ('sskd',),
        'four_rotations',
    ),
    'cds-kd': Method(
        _DISTILLED,
        _DISTILLED,
        _CDS,
        ('cds_kd',),
        'two_views',
        'CDS trained',
    ),
    'supcon': Method('SupCon', 'SupCon', _SUPCON, ('cds',)),
    'supcon-linear': Method(
        'SupCon, then a linear head',
        'SupCon, then a linear classifier',
        _SUPCON,
        ('cross_entropy',),
    ),
    'byol': Method('BYOL', 'BYOL, then fine-tuning', _BYOL, ()),
    'byol-dsn': Method('BYOL, then DSN', 'BYOL, then DSN', _BYOL, ('dsn',)),
}
