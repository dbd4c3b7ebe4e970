"""Package metadata; the wheel carries configs and tools under ``.mim``."""

import os
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
version: dict = {}
exec((HERE / 'cds_mm' / 'version.py').read_text(), version)

# Each floor is a version at which the whole test suite was run; the README
# has the table of tested combinations.
REQUIRES = [
    'torch>=2.14.1',
    'torchvision>=0.29.1',
    'onedl-mmengine>=0.10.12',
    'onedl-mmcv>=2.3.6',
    'onedl-mmdetection>=3.5.1',
    'onedl-mmpretrain>=1.3.6',
    'pycocotools>=2.0.11',
    'safetensors>=0.8.0',
    # Decodes JPEG files.
    'simplejpeg>=1.9.0',
    # The lists of Stanford Dogs, the fit of a temperature.
    'scipy>=1.15.3',
    'tensorboard>=2.21.0',
    'tqdm>=4.70.1',
]
EXTRAS = {
    'eval': ['faster-coco-eval>=1.8.0'],
    # Targets hf and onnx of the converter, and the proof of timm.
    'export': [
        'huggingface_hub>=0.34',
        'onnx>=1.16',
        'onnxruntime>=1.18',
        'timm>=1.0.31',
    ],
    'demo': ['scikit-learn>=1.7.2', 'matplotlib>=3.10.9'],
    'test': [
        'hypothesis>=6.100',
        'pytest>=9.2.0',
        'pytest-xdist>=3.8.0',
        # Other implementations, in tests/test_against_libraries.py.
        'pytorch-metric-learning>=2.9.0',
        'timm>=1.0.31',
        'torchdistill>=1.1.5',
        'torchmetrics>=1.9.0',
    ],
    'lint': ['ruff==0.17.6', 'mypy==2.4.1'],
}
EXTRAS['all'] = sorted({need for needs in EXTRAS.values() for need in needs})


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
    os.chdir(HERE)
    setup(
        name='cds_mm',
        version=version['__version__'],
        description='Contrastive Deep Supervision for OpenMMLab: pretrain a '
        'backbone, strip the heads, prove it, evaluate it in MMDetection',
        long_description=(HERE / 'README.md').read_text(encoding='utf-8')
        if (HERE / 'README.md').exists()
        else '',
        long_description_content_type='text/markdown',
        license='Apache-2.0',
        python_requires='>=3.10',
        packages=find_packages(include=['cds_mm', 'cds_mm.*']),
        package_data={'cds_mm': ['py.typed', 'experiments/**/*.csv']},
        install_requires=REQUIRES,
        extras_require=EXTRAS,
        entry_points={'console_scripts': ['cds-mm = cds_mm.__main__:main']},
        cmdclass={'build_py': BuildWithMim},
    )
