"""Matplotlib without a display and without a state."""

from pathlib import Path

from cds_mm.files import atomic_write
from cds_mm.optional import extra


def load_figure() -> type:
    """Matplotlib's Figure; not pyplot, which keeps each one and may ask for
    a display.

    Raises:
        UserError: matplotlib is missing.
    """
    return extra('matplotlib.figure').Figure


def new_figure(width: float, height: float):
    """An empty figure of so many inches, whose parts keep their distance."""
    return load_figure()(figsize=(width, height), layout='constrained')


def save_figure(figure, path: str | Path) -> None:
    """Write a figure as PNG, whole or not at all.

    Raises:
        UserError: the file cannot be written.
    """
    atomic_write(path, lambda file: figure.savefig(file, format='png'))
