"""What the config of a pipeline says of the images that it gives."""

from cds_mm.data.labels import leaf_configs

_SIZES = ('crop_size', 'scale')


def pipeline_of(dataset: dict) -> list[dict]:
    """The pipeline of a data set's config; of several joined, the first's."""
    return leaf_configs(dataset)[0].get('pipeline', [])


def views_of(dataset: dict) -> list[list[dict]]:
    """The transforms of each view, with those that all views share."""
    shared = []
    for step in pipeline_of(dataset):
        if 'MultiView' in str(step['type']):
            return [[*shared, *view] for view in step['transforms']]
        shared.append(step)
    return [shared]


def image_side(dataset: dict) -> int | None:
    """Pixels of a side of the first view; None where nothing says so."""
    for step in reversed(views_of(dataset)[0]):
        for key in _SIZES:
            size = step.get(key)
            if size:
                return size if isinstance(size, int) else size[0]
    return None
