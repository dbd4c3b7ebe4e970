"""Which compiled operations the code of a host reaches, read from its source.

A name reaches what it mentions: `ext_module.NAME`, other names of its file,
and names that its file has imported.  What only some branch of it calls is
reached as well.
"""

import ast
import importlib
from pathlib import Path


def _mentioned(node):
    """Names and attributes below a node, each with the module it is of."""
    for child in ast.walk(node):
        if isinstance(child, ast.Attribute):
            owner = child.value
            yield getattr(owner, 'id', None), child.attr
        elif isinstance(child, ast.Name):
            yield None, child.id


def _definitions(tree):
    for node in tree.body:
        for inner in getattr(node, 'body', []) if _branches(node) else [node]:
            if isinstance(inner, ast.FunctionDef | ast.ClassDef):
                yield inner.name, inner
            elif isinstance(inner, ast.Assign):
                for target in inner.targets:
                    yield getattr(target, 'id', None), inner


def _branches(node):
    return isinstance(node, ast.If | ast.Try)


def _imported(tree, package):
    """Local name -> (module, name) of what a file imports."""
    found = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        parents = package.split('.')
        if node.level:
            parents = parents[: len(parents) - node.level + 1]
            module = '.'.join([*parents, *filter(None, [node.module])])
        else:
            module = node.module or ''
        for alias in node.names:
            found[alias.asname or alias.name] = (module, alias.name)
    return found


class Source:
    """The files of a package, by module.

    Args:
        package: its name.
        word: files without it are passed over.
    """

    def __init__(self, package, word=''):
        folder = Path(importlib.import_module(package).__file__).parent
        self._files = {}
        for path in sorted(folder.rglob('*.py')):
            parts = [package, *path.relative_to(folder).with_suffix('').parts]
            if parts[-1] == '__init__':
                parts.pop()
            text = path.read_text()
            if word not in text:
                continue
            tree = ast.parse(text)
            parent = '.'.join(parts if path.stem == '__init__' else parts[:-1])
            self._files['.'.join(parts)] = (
                dict(_definitions(tree)),
                _imported(tree, parent),
            )

    def names(self):
        """Every (module, name) that is defined at the top of a file."""
        return [
            (module, name)
            for module, (defined, _) in self._files.items()
            for name in defined
            if name
        ]

    def imports(self, module):
        return self._files[module][1]

    def mentions(self, module, name):
        """Names that a definition mentions, without their owners."""
        node = self._files[module][0][name]
        return {attribute for _, attribute in _mentioned(node)}

    def compiled(self, module, name, seen=frozenset()):
        """Names of `mmcv._ext` that a name of a module reaches."""
        if (module, name) in seen or module not in self._files:
            return set()
        seen = seen | {(module, name)}
        defined, imported = self._files[module]
        if name not in defined:
            return (
                self.compiled(*imported[name], seen)
                if name in imported
                else set()
            )
        found = set()
        for owner, mentioned in _mentioned(defined[name]):
            if owner == 'ext_module':
                found.add(mentioned)
            elif (
                owner in imported and '.'.join(imported[owner]) in self._files
            ):
                # A function of a module that was imported as a whole.
                of = '.'.join(imported[owner])
                found |= self.compiled(of, mentioned, seen)
            elif mentioned != name:
                found |= self.compiled(module, mentioned, seen)
        return found
