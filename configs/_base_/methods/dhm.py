"""Dynamic Hierarchical Mimicking (Li et al., CVPR 2020).

The terms of DKS, of which some lose their gradient in each step; the released
code has that disabled (``model.supervisions.dhm.dynamic=None``).
"""

_base_ = './dsn.py'

method = dict(
    supervisions=dict(
        dhm=dict(
            type='SynergySupervision',
            weight=1.0,
            temperature=1.0,
            dynamic='term_drop',
        )
    )
)
