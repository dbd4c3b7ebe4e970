"""What MMEngine's hub looks for in a package of the OpenMMLab line."""

__all__ = ['register_all_modules']


def register_all_modules(init_default_scope: bool = True) -> None:
    """Register everything of this project, as the hosts' functions do.

    Args:
        init_default_scope: make MMPretrain's registry the default one, which
            this project registers with.
    """
    # Not at the top: `import cds_mm.utils` runs nothing.
    from mmengine.registry import init_default_scope as use_scope

    from cds_mm import registration  # noqa: F401

    if init_default_scope:
        use_scope('mmpretrain')
