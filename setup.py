"""What pyproject.toml cannot say: the wheel carries configs and tools."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent


class BuildWithMim(build_py):
    """Copies configs and tools into the package, where `mim` looks."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / 'cds_mm' / '.mim'
        for folder in ('configs', 'tools'):
            shutil.copytree(
                HERE / folder,
                target / folder,
                dirs_exist_ok=True,
                ignore=shutil.ignore_patterns('__pycache__'),
            )
        shutil.copy(HERE / 'model-index.yml', target)


if __name__ == '__main__':
    setup(cmdclass={'build_py': BuildWithMim})
