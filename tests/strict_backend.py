"""A tracker that is as strict as W&B and MLflow are; imported by configs."""

import json
from pathlib import Path

from mmengine.registry import VISBACKENDS
from mmengine.visualization import BaseVisBackend

FILE = 'strict.jsonl'


@VISBACKENDS.register_module()
class StrictVisBackend(BaseVisBackend):
    """Write down what is recorded; refuse a second, different config."""

    def _init_env(self):
        self.path = Path(self._save_dir, FILE)
        self.path.parent.mkdir(parents=True, exist_ok=True)

    @property
    def experiment(self):
        return self

    def add_config(self, config, **kwargs):
        if not hasattr(self, 'path'):
            self._init_env()
        text = json.dumps(config.to_dict(), sort_keys=True, default=str)
        if any(r.get('config', text) != text for r in recorded(self.path)):
            raise RuntimeError('Attempted to change the config of a run')
        self._write(config=text)

    def add_scalars(self, scalar_dict, step=0, file_path=None, **kwargs):
        self._write(step=step, **{k: float(v) for k, v in scalar_dict.items()})

    def add_scalar(self, name, value, step=0, **kwargs):
        self._write(step=step, **{name: float(value)})

    def _write(self, **record):
        with self.path.open('a') as file:
            file.write(json.dumps(record) + '\n')


def recorded(path) -> list[dict]:
    """The records of a run, in their order."""
    path = Path(path)
    lines = path.read_text().splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines]
