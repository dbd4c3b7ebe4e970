"""One rule for whether two lists give the same classes the same labels."""

import ast
import re

import pytest

from cds_mm.data.class_names import ClassesError, check_trained_classes
from cds_mm.data.class_names import same_names as same
from cds_mm.testing import write_class_folder

WHERE = 'test_dataloader.dataset'


def test_spelling_and_order():
    assert same(('Cat', 'polar bear'), ('cat', 'Polar_Bear'))
    assert not same(('cat', 'dog'), ('dog', 'cat'))
    assert not same(('cat', 'dog'), ('cat',))
    # Names that only spelling keeps apart.
    assert same(('a', 'A'), ('a', 'A')) and not same(('a', 'A'), ('A', 'a'))
    assert not same(('cat', 'Cat'), ('cat', 'CAT'))


@pytest.mark.parametrize(
    ('known', 'given', 'what'),
    [
        (('Cat', 'Dog'), ('dog', 'cat'), 'in another order'),
        (('Cat', 'Cow', 'Dog'), ('cat', 'dog'), "without 'Cow'"),
        (('Cat', 'Dog'), ('cat', 'emu'), "'emu' is none of them"),
        (('a', 'b'), ('a', 'A', 'b'), 'in another order'),
    ],
)
def test_what_differs_is_no_matter_of_spelling(known, given, what):
    with pytest.raises(ClassesError, match=what):
        check_trained_classes(known, given, 'x.pth', WHERE)


def test_the_advice_spells_the_names_as_the_folders(tmp_path):
    """Folders are found by their exact name."""
    from cds_mm.data import ClassFolder

    write_class_folder(tmp_path, dict(cat=1, dog=1), 8)
    known = ('Emu', 'Dog', 'Cat')
    with pytest.raises(ClassesError) as error:
        check_trained_classes(known, ('cat', 'dog'), 'x.pth', WHERE)
    (text,) = re.findall(r'metainfo\.classes="(.+)"', str(error.value))
    classes = ast.literal_eval(text)
    dataset = ClassFolder(
        data_root=str(tmp_path), metainfo=dict(classes=classes)
    )
    check_trained_classes(known, dataset.CLASSES, 'x.pth', WHERE)
    assert dataset.get_gt_labels().tolist() == [2, 1]
