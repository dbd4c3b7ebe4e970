"""The model card of an exported backbone: what is known, and no more."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cds_mm.checkpoint.record import BackboneRecord
from cds_mm.config.recorded import recorded_settings
from cds_mm.optional import extra
from cds_mm.version import __version__

_LONGEST = 1000  # letters of a fact, which comes from a file
_UNKNOWN = 'unknown'
_TAGS = ['cds_mm', 'timm', 'backbone', 'object-detection']
_TEXT = """\
# {name}

An image backbone without a classifier, converted by cds_mm {version}.

| training | |
|---|---|
{rows}

## Use

```python
import timm

model = timm.create_model('local-dir:FOLDER', pretrained=True)
config = timm.data.resolve_model_data_config(model)
```

The network is `{network}`. Images are {order}, with mean {mean} and std {std}
on values from 0 to 255; `config.json` has both for values from 0 to 1.

## Check

{proof}.

Fingerprint of the stages on the probe image of cds_mm:

```json
{fingerprint}
```

## Licence

Unknown: the checkpoint does not say under which licence the weights are, nor
the images that they were trained on. Add `license:` to the header of this file
before you publish it.
"""


def model_card(
    name: str,
    record: BackboneRecord,
    meta: object,
    network: str,
    proof: str,
) -> str:
    """The text of a ``README.md``.

    Args:
        name: of the folder.
        record: of the backbone.
        meta: of the checkpoint; any value.
        network: how timm builds it.
        proof: how it was proven.
    """
    hub: Any = extra('huggingface_hub', 'export')
    data = hub.ModelCardData(
        library_name='timm',
        pipeline_tag='image-feature-extraction',
        tags=_TAGS,
    )
    rows = [f'| {key} | {value} |' for key, value in _facts(record, meta)]
    text = _TEXT.format(
        name=_clean(name),
        version=__version__,
        rows='\n'.join(rows),
        network=_inline(network),
        order=record.known_order.upper(),
        mean=record.mean,
        std=record.std,
        proof=_inline(f'{proof[0].upper()}{proof[1:]}'),
        fingerprint=json.dumps(record.fingerprint),
    )
    return str(hub.ModelCard(f'---\n{data.to_yaml()}\n---\n\n{text}'))


def _facts(record: BackboneRecord, meta: object) -> list[tuple[str, str]]:
    """What the checkpoint says of its training."""
    known = meta if isinstance(meta, Mapping) else {}
    settings = recorded_settings(known.get('cfg'))
    loader = _dict(settings.get('train_dataloader'))
    dataset = _innermost(loader.get('dataset'))
    facts = {
        'method': record.method,
        'config': record.config,
        'architecture': record.backbone.get('type'),
        'data': _data(dataset, known),
        'views': _views(dataset.get('pipeline')),
        'views on the device': _views(_on_device(settings)),
        'seed': _seed(known, settings),
        'epochs': known.get('epoch'),
        'iterations': known.get('iter'),
        'weights': record.weights,
        'BatchNorm re-estimated on': record.batchnorm_images,
    }
    always = ('method', 'data', 'views', 'seed')
    return [
        (key, _clean(_UNKNOWN if value in (None, '') else value))
        for key, value in facts.items()
        if key in always or value not in (None, '')
    ]


def _dict(value: object) -> dict:
    """A value that should be a dict, and may be anything."""
    return value if isinstance(value, dict) else {}


def _innermost(dataset: object) -> dict:
    """The data set inside of those that repeat or join others."""
    while isinstance(dataset, dict) and 'pipeline' not in dataset:
        inner = dataset.get('dataset') or dataset.get('datasets')
        if isinstance(inner, list) and inner:
            inner = inner[0]
        if not isinstance(inner, dict):
            break
        dataset = inner
    return _dict(dataset)


def _data(dataset: dict, meta: Mapping) -> str:
    """The kind of the data set; its folder is of one machine."""
    kind = dataset.get('type')
    classes = _dict(meta.get('dataset_meta')).get('classes')
    many = len(classes) if isinstance(classes, list | tuple) else None
    return ', '.join(
        [str(kind)] * bool(kind) + [f'{many} classes'] * bool(many)
    )


def _on_device(settings: Mapping) -> object:
    own = _dict(settings.get('model')).get('data_preprocessor')
    return _dict(own or settings.get('data_preprocessor')).get('views')


def _seed(meta: Mapping, settings: Mapping) -> object:
    named = _dict(settings.get('randomness')).get('seed')
    found = meta.get('seed')
    return named if found is None else found


def _views(pipeline: object) -> str:
    return ', '.join(_names(pipeline))


def _names(value: object) -> Iterator[str]:
    """Types of transforms, each with those inside of it in brackets."""
    if isinstance(value, list | tuple):
        for item in value:
            # Of several views each is a list.
            several = isinstance(item, list | tuple) and any(_names(item))
            inside = _names(item)
            yield from [f'({", ".join(inside)})'] if several else inside
    elif isinstance(value, dict):
        inner = [name for one in value.values() for name in _names(one)]
        kind = value.get('type')
        if kind is None:
            yield from inner
        else:
            yield f'{kind}({", ".join(inner)})' if inner else str(kind)


def _inline(text: str) -> str:
    """Python whose arguments come from a file, in a line of Markdown."""
    for mark in '`<>':
        text = text.replace(mark, ' ')
    return text


def _clean(value: object) -> str:
    """One line of a table; it comes from a file and may be anything."""
    text = ' '.join(str(value).split())
    for mark in '|<>`[]\\':
        text = text.replace(mark, ' ')
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + '...'
    return text
