"""TODO."""


def install():
    """TODO."""
