"""Dynamic hierarchical mimicking (DHM): which terms of DKS a step drops.

The supervision is ``SynergySupervision(dynamic='term_drop')``, in
:mod:`cds_mm.supervision.dks`.
"""

import torch


# Numbers of the CPU, which decide in Python.
@torch.compiler.disable
def drawn_terms(terms: int) -> set[int]:
    """Places, below ``terms``, of those that lose their gradient."""
    # From the CPU's generator, which a run seeds in each step: the draw
    # is a function of (seed, iteration, rank), and a resumed run's draw too.
    count = int(torch.rand(()) * terms)
    return set(torch.randint(terms, (count,)).tolist())
