"""The input pipeline of a config, done where it is done fastest."""

from mmengine.config import Config

from cds_mm.config import (
    leaf_configs,
    optimised_views,
    type_name,
    views_of,
)

_PREPROCESSOR = 'MultiViewDataPreprocessor'
_MULTI_VIEW = 'SeededMultiView'
_COLLATE = 'default_collate'
# Their images are all of one size: also what crops can wait for the batch.
_OF_ONE_SIZE = ('CIFAR10', 'CIFAR100')
_SIDE = 32
_FILTERS = ('bilinear', 'bicubic')
_COLOURS = ('brightness', 'contrast', 'saturation', 'hue', 'prob')


def use_fast_views(cfg: Config) -> list[str]:
    """Change a training config in place so that its views come faster.

    The recipe stays: crops are drawn as before, and what follows in a view
    that has a like for batches moves to the device, with its parameters drawn
    from the same distributions for each sample by itself.

    Args:
        cfg: of a run; what is not recognised is left alone.

    Returns:
        list[str]: as :func:`cds_mm.config.optimised_views`.
    """
    loader = cfg.get('train_dataloader')
    if not loader:
        return []
    leaves = leaf_configs(loader.dataset)
    _resize_with_torch(leaves)
    _decode_smaller(leaves)
    _move_to_device(cfg, leaves)
    _pack_as_it_lies(cfg, leaves)
    return optimised_views(cfg)


def _steps(leaves):
    """Every transform of the leaves, those inside of views too."""
    for leaf in leaves:
        for step in leaf.get('pipeline') or ():
            yield step
            for view in step.get('transforms') or ():
                if isinstance(view, (list, tuple)):
                    yield from view


def _resize_with_torch(leaves):
    crops = [s for s in _steps(leaves) if _is_resized_crop(s)]
    for crop in crops:
        if crop.get('interpolation', _FILTERS[0]) in _FILTERS:
            crop.setdefault('backend', 'torch')


def _is_resized_crop(step):
    return type_name(step) == 'AntialiasedResizedCrop'


def _decode_smaller(leaves):
    """Decode large files at the scale that the smallest crop allows."""
    enough = 0
    for view in (view for leaf in leaves for view in views_of(leaf)):
        load, first = [*view, {}, {}][:2]
        if type_name(load) != 'LoadRGBImage' or 'keep_pixels' in load:
            return
        if not _has_least_area(first):
            return
        enough = max(enough, _enough_pixels(first))
    for leaf in leaves:
        leaf.pipeline[0].keep_pixels = enough


def _has_least_area(step):
    return _is_resized_crop(step) and _least_area(step) > 0


def _least_area(crop):
    return crop.get('crop_ratio_range', (0.08, 1.0))[0]


def _enough_pixels(crop):
    """Of an image whose smallest crop is not enlarged."""
    sides = crop.scale
    height, width = (sides, sides) if isinstance(sides, int) else sides
    area = _least_area(crop)
    narrow, wide = crop.get('aspect_ratio_range', (3 / 4, 4 / 3))
    # A crop of share a and ratio r is sqrt(a r) by sqrt(a / r) of the root.
    return round(max(width**2 / (area * narrow), height**2 * wide / area))


def _move_to_device(cfg, leaves):
    preprocessor = cfg.get('data_preprocessor') or {}
    ours = type_name(preprocessor) == _PREPROCESSOR
    if not ours or preprocessor.get('views') or preprocessor.get('to_rgb'):
        return
    # The model's own would be the one that counts.
    if cfg.model.get('data_preprocessor') or not _is_stacked(cfg):
        return
    pipelines = [leaf.get('pipeline') or [] for leaf in leaves]
    if any(pipeline != pipelines[0] for pipeline in pipelines):
        return  # one batch holds samples of several recipes
    of_one_size = all(type_name(leaf) in _OF_ONE_SIZE for leaf in leaves)
    split = _split(pipelines[0], of_one_size)
    if split is None:
        return
    kept, moved = split
    for leaf in leaves:
        leaf.pipeline = kept
    preprocessor['views'] = moved


def _is_stacked(cfg):
    collate = cfg.train_dataloader.get('collate_fn') or {}
    return type_name(collate) == _COLLATE


def _split(pipeline, of_one_size):
    """A pipeline for the loader, and the rest of each view.

    None where nothing moves.
    """
    if len(pipeline) < 3 or type_name(pipeline[-1]) != 'PackInputs':
        return None
    load, *middle, pack = pipeline
    several = bool(middle) and type_name(middle[-1]) == _MULTI_VIEW
    if several and middle[-1].get('num_views'):
        return None
    views = middle[-1].transforms if several else [middle]
    kept, moved = zip(
        *(_tail(view, of_one_size) for view in views), strict=True
    )
    if not any(moved):
        return None
    if not several:
        return [load, *kept[0], pack], list(moved)
    if not any(kept):
        return [load, *middle[:-1], pack], list(moved)
    rest = dict(middle[-1], transforms=list(kept))
    return [load, *middle[:-1], rest, pack], list(moved)


def _tail(view, of_one_size):
    """What of a view stays, and the end of it that works on batches."""
    kept = list(view)
    moved: list[dict] = []
    while kept:
        like = _like(kept[-1], of_one_size)
        if like is None:
            break
        kept.pop()
        moved.insert(0, like)
    return kept, moved


def _like(step, of_one_size):
    """The config of the same operation on a batch; None if there is none."""
    options = dict(step)
    name = type_name(options)
    options.pop('type')
    if name in ('RGBColorJitter', 'RGBGrayscale'):
        return _like_colour(name.replace('RGB', 'Batch'), options)
    if name == 'ClippedCutout':
        return dict(type='BatchCutout', **options)
    if name == 'RandomFlip':
        return _like_flip(options)
    if name == 'RandomCrop' and of_one_size:
        return _like_crop(options)
    return None


def _like_colour(kind, options):
    # Others, such as pairs, are torchvision's to read.
    known = set(options) <= set(_COLOURS) and all(
        isinstance(value, (int, float)) and value >= 0
        for value in options.values()
    )
    if not known or options.get('hue', 0) > 0.5:
        return None
    return dict(type=kind, **options)


def _like_flip(options):
    if options.pop('direction', 'horizontal') != 'horizontal':
        return None
    plain = set(options) == {'prob'} and isinstance(options['prob'], float)
    return dict(type='BatchFlip', **options) if plain else None


def _like_crop(options):
    size, padding = options.get('crop_size'), options.get('padding') or 0
    if not (isinstance(size, int) and isinstance(padding, int)):
        return None
    if set(options) - {'crop_size', 'padding', 'pad_val'}:
        return None
    if size > _SIDE + 2 * padding:
        return None
    fill = options.get('pad_val', 0)
    fill = [fill] * 3 if isinstance(fill, (int, float)) else list(fill)
    return dict(type='BatchCrop', crop_size=size, padding=padding, fill=fill)


def _pack_as_it_lies(cfg, leaves):
    packs = [(leaf.get('pipeline') or [{}])[-1] for leaf in leaves]
    plain = all(type_name(pack) == 'PackInputs' for pack in packs)
    if plain and _is_stacked(cfg):
        for pack in packs:
            pack.type = 'PackChannelsLast'
        cfg.train_dataloader.collate_fn = dict(type='collate_views')
