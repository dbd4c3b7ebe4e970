"""YAML files as data: MMEngine's own loader calls what a tag names."""

from typing import IO, Any

import yaml
from mmengine.fileio import YamlHandler, register_handler

from cds_mm.errors import UserError, first_line
from cds_mm.files import asked_name


class _Loader(getattr(yaml, 'CSafeLoader', yaml.SafeLoader)):  # type: ignore[misc]
    """Plain values, and tuples, which MMEngine writes with a tag."""


def _tuple(loader: Any, node: yaml.SequenceNode) -> tuple:
    return tuple(loader.construct_sequence(node, deep=True))


_Loader.add_constructor('tag:yaml.org,2002:python/tuple', _tuple)


class PlainYamlHandler(YamlHandler):
    """MMEngine's handler, which reads data only; it writes as before."""

    def load_from_fileobj(self, file: IO[str], **kwargs: object) -> Any:
        """Read a YAML file.

        Args:
            file: open.
            **kwargs: of ``yaml.load``; another ``Loader`` is not taken.

        Raises:
            UserError: a tag in it names what is no plain value.
        """
        try:
            return yaml.load(file, Loader=_Loader)
        except yaml.constructor.ConstructorError as error:
            where = error.problem_mark
            line = f', line {where.line + 1}' if where else ''
            raise UserError(
                f'{asked_name(file)}{line}: is no plain YAML '
                f'({first_line(error)}); nothing was run; '
                'write plain values without such tags'
            ) from error


def register() -> None:
    """Let MMEngine read YAML in this process with our handler only."""
    register_handler(['yaml', 'yml'])(PlainYamlHandler)
