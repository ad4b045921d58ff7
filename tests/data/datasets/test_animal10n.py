from pathlib import Path

import pytest

from noisette.data.datasets.animal10n import CLASS_NAMES, read_animal10n
from noisette.errors import DataFileError, TooManyBadRowsError
from noisette.types import BadRows, Sample
from tests.data.datasets.trees import plant, problems, samples, skipping


@pytest.mark.parametrize("nested", ["", "training/"])
def test_the_published_layout(tmp_path: Path, nested: str) -> None:
    names = ("9_b.jpg", "0_a_1.jpg", "0_a.JPG")
    plant(tmp_path, {f"training/{nested}{name}": "never opened" for name in names})
    plant(tmp_path, {"testing/3_a.jpg": "", "testing/0_a.JPG": ""})
    bad = BadRows()
    data = read_animal10n(tmp_path, bad)
    assert (data.root, data.class_names) == (tmp_path, CLASS_NAMES)
    assert len(set(data.class_names)) == 10
    assert samples(data) == [
        Sample("0_a.JPG", 0, "train", f"training/{nested}0_a.JPG"),
        Sample("0_a_1.jpg", 0, "train", f"training/{nested}0_a_1.jpg"),
        Sample("9_b.jpg", 9, "train", f"training/{nested}9_b.jpg"),
        Sample("0_a.JPG", 0, "test", "testing/0_a.JPG"),
        Sample("3_a.jpg", 3, "test", "testing/3_a.jpg"),
    ]
    assert bad.num_read == 5


def test_other_files_are_reported_and_hidden_ones_counted(tmp_path: Path) -> None:
    names = ("10_a.jpg", "cat_a.jpg", "5.jpg", "-1_a.jpg", "1_a.txt", ".DS_Store", "Thumbs.db", "1_a.jpg")
    plant(tmp_path, {f"training/{name}": "" for name in names})
    plant(tmp_path, {"training/folder/1_b.jpg": "", "testing/1_a.jpg": ""})
    bad = skipping()
    assert [(one.split, one.key) for one in samples(read_animal10n(tmp_path, bad))] == [
        ("train", "1_a.jpg"),
        ("test", "1_a.jpg"),
    ]
    assert problems(bad) == [
        "-1_a.jpg:None: unknown class",
        "10_a.jpg:None: unknown class",
        "1_a.txt:None: wrong form",
        "5.jpg:None: wrong form",
        "cat_a.jpg:None: wrong form",
        "folder:None: wrong form",
    ]
    assert bad.left_out == {"hidden file": 2}
    with pytest.raises(TooManyBadRowsError, match=r"-1_a\.jpg: unknown class: -1 is no class id from 0 to 9"):
        samples(read_animal10n(tmp_path, BadRows()))


def test_what_is_missing_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    with pytest.raises(DataFileError, match=r"lacks the folder testing/; expected ANIMAL-10N as published"):
        read_animal10n(tmp_path, skipping())
