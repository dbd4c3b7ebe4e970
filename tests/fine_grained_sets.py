"""Writes tiny fine-grained data sets as their archives have them.

Each writer takes (root, rng) and returns, for each split, the images under
``root`` with their labels from 0 on, in the order of the lists.
"""

import numpy as np
from mmpretrain.datasets.categories import FGVCAIRCRAFT_CATEGORIES
from PIL import Image
from scipy.io import savemat

BREEDS = (
    'n02085620-Chihuahua',
    'n02085782-Japanese_spaniel',
    'n02089078-black-and-tan_coonhound',
    'n02113978-Mexican_hairless',
)


def write_cub(root, rng):
    labels = draw_labels(rng, 200)
    is_train = draw_halves(rng)
    names = [
        f'{label:03}.Some_Bird/Some_Bird_{number:04}_{rng.integers(99)}.jpg'
        for number, label in enumerate(labels, 1)
    ]
    for file, values in (
        ('images', names),
        ('image_class_labels', labels),
        ('train_test_split', is_train),
    ):
        write_lines(
            root / f'{file}.txt',
            [f'{number} {value}' for number, value in enumerate(values, 1)],
        )
    images = [f'images/{name}' for name in names]
    write_images(root, images, rng)
    return {
        split: [
            (image, label - 1)
            for image, label, train in zip(
                images, labels, is_train, strict=True
            )
            if train == wanted
        ]
        for split, wanted in (('train', 1), ('test', 0))
    }


def write_cars(root, rng):
    """In three archives, with the test set's labels from beside them."""
    told = {}
    for split, annotations in (
        ('train', 'cars_train_annos'),
        ('test', 'cars_test_annos_withlabels'),
    ):
        labels = draw_labels(rng, 196)
        names = [f'{number:05}.jpg' for number in range(1, len(labels) + 1)]
        write_mat(
            root / 'devkit' / f'{annotations}.mat',
            annotations=struct_array(
                bbox_x1=labels, **{'class': labels}, fname=names
            ),
        )
        images = [f'cars_{split}/{name}' for name in names]
        write_images(root, images, rng)
        told[split] = zipped(images, labels)
    # As in the devkit, and read by nobody.
    write_mat(
        root / 'devkit' / 'cars_test_annos.mat',
        annotations=struct_array(bbox_x1=labels, fname=names),
    )
    return told


def write_cars_in_one(root, rng):
    """In one archive, with one list."""
    labels = draw_labels(rng, 196)
    is_train = draw_halves(rng)
    images = [f'car_ims/{n:06}.jpg' for n in range(1, len(labels) + 1)]
    write_mat(
        root / 'cars_annos.mat',
        annotations=struct_array(
            relative_im_path=images,
            bbox_x1=labels,
            **{'class': labels},
            test=1 - is_train,
        ),
        class_names=cells(['AM General Hummer', 'Acura RL'])[None],
    )
    write_images(root, images, rng)
    samples = zipped(images, labels)
    return {
        'train': [s for s, t in zip(samples, is_train, strict=True) if t],
        'test': [s for s, t in zip(samples, is_train, strict=True) if not t],
    }


def write_flowers(root, rng):
    labels = draw_labels(rng, 102)
    trnid, valid, tstid = (rng.permutation(6) + 1).reshape(3, 2)
    parts = dict(trnid=trnid, valid=valid, tstid=tstid)
    images = [f'jpg/image_{n:05}.jpg' for n in range(1, len(labels) + 1)]
    write_mat(root / 'imagelabels.mat', labels=labels.astype(np.uint8)[None])
    write_mat(
        root / 'setid.mat',
        **{name: ids.astype(np.uint16)[None] for name, ids in parts.items()},
    )
    write_images(root, images, rng)
    samples = zipped(images, labels)
    told = {
        name: [samples[number - 1] for number in ids]
        for name, ids in parts.items()
    }
    return {
        'trainval': told['trnid'] + told['valid'],
        'test': told['tstid'],
    }


def write_dogs(root, rng, lists=''):
    told = {}
    for split in ('train', 'test'):
        labels = rng.permutation(np.repeat(np.arange(len(BREEDS)) + 1, 2))
        files = [
            f'{BREEDS[label - 1]}/{BREEDS[label - 1][:9]}_{split}{n}.jpg'
            for n, label in enumerate(labels)
        ]
        write_dogs_list(root / lists / f'{split}_list.mat', files, labels)
        images = [f'Images/{file}' for file in files]
        write_images(root, images, rng)
        told[split] = zipped(images, labels)
    return told


def write_dogs_list(path, files, labels):
    write_mat(
        path,
        file_list=cells(files)[:, None],
        annotation_list=cells([f.removesuffix('.jpg') for f in files])[
            :, None
        ],
        labels=np.array(labels, np.float64)[:, None],
    )


def write_aircraft(root, rng):
    told = {}
    for split in ('trainval', 'test'):
        labels = draw_labels(rng, 100)
        start = 10**6 if split == 'test' else 34
        numbers = [f'{start + n:07}' for n in range(len(labels))]
        write_lines(
            root / 'data' / f'images_variant_{split}.txt',
            [
                f'{number} {FGVCAIRCRAFT_CATEGORIES[label - 1]}'
                for number, label in zip(numbers, labels, strict=True)
            ],
        )
        images = [f'data/images/{number}.jpg' for number in numbers]
        write_images(root, images, rng)
        told[split] = zipped(images, labels)
    return told


def draw_labels(rng, classes):
    """Six labels from 1 on, the last one among them."""
    return rng.permutation([classes, *rng.integers(1, classes, 5)])


def draw_halves(rng):
    return rng.permutation([0, 0, 0, 1, 1, 1])


def zipped(images, labels):
    return [
        (image, int(label) - 1)
        for image, label in zip(images, labels, strict=True)
    ]


def cells(values):
    """A cell array, of MATLAB's type of its own."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


def struct_array(**fields):
    """1 x N, with numbers of one byte as MATLAB stores small ones."""
    rows = zip(*fields.values(), strict=True)
    kinds = [(name, object) for name in fields]
    array = np.array(
        [
            tuple(v if isinstance(v, str) else np.uint8(v) for v in row)
            for row in rows
        ],
        kinds,
    )
    return array[None]


def write_mat(path, **content):
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, content, do_compression=True)


def write_lines(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(lines) + '\n')


def write_images(root, names, rng):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
