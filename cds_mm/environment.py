"""Faults of the installed packages, told apart from those of a config."""

import importlib.metadata
import re
import traceback

# Import name -> distributions that have it; the first is the one to install.
PACKAGES = {
    'torch': ('torch',),
    'torchvision': ('torchvision',),
    'mmengine': ('onedl-mmengine', 'mmengine', 'mmengine-lite'),
    'mmcv': ('onedl-mmcv', 'mmcv', 'mmcv-lite', 'mmcv-full'),
    'mmdet': ('onedl-mmdetection', 'mmdet'),
    'mmpretrain': ('onedl-mmpretrain', 'mmpretrain'),
    'pycocotools': ('pycocotools',),
    'numpy': ('numpy',),
    'cv2': (
        'opencv-python',
        'opencv-python-headless',
        'opencv-contrib-python',
        'opencv-contrib-python-headless',
    ),
}
HOSTS = ('mmengine', 'mmcv', 'mmdet', 'mmpretrain')
# Other import names that are not those of the distribution.
_DISTRIBUTIONS = {
    'faster_coco_eval': 'faster-coco-eval',
    'PIL': 'pillow',
    # Version 82 no longer has it.
    'pkg_resources': "'setuptools<82'",
    'sklearn': 'scikit-learn',
    'yaml': 'pyyaml',
}
# What MMDetection and MMPretrain say when they are imported.
_UNFIT = re.compile(
    r'(?P<name>MMCV|MMEngine)==(?P<version>\S+) is used but incompatible\. '
    r'Please install \w+(?P<range>.+)\.$'
)


def distribution(name: str) -> str:
    """What ``pip install`` calls the package of an import name."""
    if name in PACKAGES:
        return PACKAGES[name][0]
    return _DISTRIBUTIONS.get(name, name)


def install_command(name: str) -> str:
    """The command that installs the package of an import name."""
    return f'pip install {distribution(name)}'


def installed_as(name: str) -> str:
    """Distribution that has an import name here; else the one to install."""
    for wheel in PACKAGES[name]:
        try:
            importlib.metadata.version(wheel)
        except importlib.metadata.PackageNotFoundError:
            continue
        return wheel
    return PACKAGES[name][0]


def environment_fault(error: BaseException) -> str | None:
    """Cause and fix, in one line, of an error that no config has caused.

    Args:
        error: what was raised while something was imported, read or built.

    Returns:
        str | None: None where the environment is not known to be at fault.
    """
    while deeper := _deeper(error):
        if _place(deeper) == _place(error):
            # Caught where it was imported: of what the host can do without.
            return None
        error = deeper
    if isinstance(error, ModuleNotFoundError):
        return _missing_package(error)
    return unfit_version(str(error), installed_as)


def _deeper(error: BaseException) -> BaseException | None:
    if error.__suppress_context__:
        return error.__cause__
    return error.__context__


def _missing_package(error: ModuleNotFoundError) -> str | None:
    """Of an import in the code of a host; a config may name any module."""
    place = _place(error)
    missing = (error.name or '').partition('.')[0]
    asking = place[0].partition('.')[0] if place else ''
    if asking not in HOSTS or asking == missing:
        return None
    return (
        f'{asking} needs {missing}, which is not installed; '
        f'{install_command(missing)}'
    )


def _place(error: BaseException) -> tuple[str, str] | None:
    """Module and function that have raised an error."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    if not frames:
        return None
    module = frames[-1].f_globals.get('__name__') or ''
    return module, frames[-1].f_code.co_name


def unfit_version(text: str, wheel_of=installed_as) -> str | None:
    """The line for a host that refuses the version of another.

    Args:
        text: message of the error.
        wheel_of: names the distribution of an import name.
    """
    found = _UNFIT.search(' '.join(text.split()))
    if found is None:
        return None
    name = found['name']
    wheel = wheel_of(name.lower())
    wanted = found['range'].replace(' ', '')
    return (
        f'{wheel} {found["version"]}: the installed OpenMMLab packages need '
        f"{name}{wanted}; pip install '{wheel}{wanted}'"
    )
