import io
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image

from noisette.data.datasets.huggingface import read_huggingface
from noisette.data.images import read_image
from noisette.errors import DataFileError, InvalidInputError, TooManyBadRowsError
from noisette.types import BadRows, Sample
from tests.data.datasets.trees import problems, samples, skipping

NAMES = ["dog", "cat", "a b"]


@pytest.fixture(autouse=True)
def quiet() -> None:
    datasets.disable_progress_bars()


def png(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (3, 2), (shade, 0, 0)).save(file, "PNG")
    return file.getvalue()


def table(columns: dict[str, list[Any]], features: dict[str, Any] | None = None, image: str = "image") -> Any:
    """Give a table whose pictures are told apart by their shade, the row's number."""
    size = len(next(iter(columns.values())))
    found = datasets.Dataset.from_dict({**columns, image: [{"bytes": png(row), "path": None} for row in range(size)]})
    for name, feature in {image: datasets.Image(), **(features or {})}.items():
        found = found.cast_column(name, feature)
    return found


def classes() -> Any:
    return datasets.ClassLabel(names=NAMES)


def read(root: Path, found: Any, bad: BadRows | None = None, **options: Any) -> tuple[tuple[str, ...], list[Sample]]:
    found.save_to_disk(str(root))
    data = read_huggingface(root, bad if bad is not None else BadRows(), **options)
    assert data.root == root
    return data.class_names, samples(data)


def test_a_lone_table_with_classes(tmp_path: Path) -> None:
    names, found = read(tmp_path / "d", table({"label": [2, 0, 1]}, {"label": classes()}))
    assert names == tuple(NAMES)
    assert found == [
        Sample("0000000", 2, "train", "hf://train/0/image"),
        Sample("0000001", 0, "train", "hf://train/1/image"),
        Sample("0000002", 1, "train", "hf://train/2/image"),
    ]
    for row, sample in enumerate(found):
        assert read_image(tmp_path / "d", sample.uri) == png(row)


def test_splits_have_our_names_and_their_own_uris(tmp_path: Path) -> None:
    tables = {
        name: table({"label": [row, 1]}, {"label": classes()}) for row, name in enumerate(("train", "val", "test"))
    }
    _, found = read(tmp_path / "d", datasets.DatasetDict({**tables, "extra": tables["train"]}))
    assert [(one.split, one.uri) for one in found[1::2]] == [
        ("train", "hf://train/1/image"),
        ("validation", "hf://val/1/image"),
        ("test", "hf://test/1/image"),
        ("extra", "hf://extra/1/image"),
    ]
    assert [one.given_label for one in found] == [0, 1, 1, 1, 2, 1, 0, 1]


def test_selected_and_shuffled_rows_are_numbered_as_they_are_saved(tmp_path: Path) -> None:
    shuffled = table({"label": [0, 1, 2, 0]}, {"label": classes()}).select([3, 1, 2])
    _, found = read(tmp_path / "d", shuffled)
    assert [one.given_label for one in found] == [0, 1, 2]
    assert [read_image(tmp_path / "d", one.uri) for one in found] == [png(3), png(1), png(2)]


def test_the_optional_columns_are_used(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {
        "key": ["x/a.png", "x/b.png", "c", "d", "e"],
        "label": [0, 1, 2, 0, 1],
        "verification_label": [1, 0, None, -1, None],
        "correct_label": [None, 2, -1, 0, -2],
    }
    _, found = read(tmp_path / "d", table(columns, {"label": classes()}))
    assert [(one.key, one.verification_label, one.correct_label) for one in found] == [
        ("x/a.png", 1, -1),
        ("x/b.png", 0, 2),
        ("c", -1, -1),
        ("d", 1, 0),
        ("e", 0, -2),
    ]


def test_correct_labels_may_number_their_classes_in_another_order(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {"label": [0, 1], "correct_label": [1, 0]}
    features = {"label": classes(), "correct_label": datasets.ClassLabel(names=["a b", "cat", "dog"])}
    _, found = read(tmp_path / "d", table(columns, features))
    assert [one.correct_label for one in found] == [1, 2]


def test_text_labels_beside_correct_labels_that_are_ids_of_names(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {"label": ["dog", "cat", "dog", "cat"], "correct_label": [0, 2, -1, None]}
    names, found = read(tmp_path / "one", table(columns, {"correct_label": classes()}))
    assert names == ("a b", "cat", "dog")
    assert [(one.given_label, one.verification_label, one.correct_label) for one in found] == [
        (2, 1, 2),
        (1, 0, 0),
        (2, -1, -1),
        (1, -1, -1),
    ]
    columns = {"label": [["dog", "cat"], ["cat"]], "correct_label": [[-1, 2], [1]]}
    names, found = read(tmp_path / "lists", table(columns, {"correct_label": datasets.Sequence(classes())}))
    assert names == ("a b", "cat", "dog")
    assert [(one.key, one.verification_label, one.correct_label) for one in found] == [
        ("0000000|dog", -1, -1),
        ("0000000|cat", 0, 0),
        ("0000001", 1, 1),
    ]


def test_lists_of_correct_labels_may_number_their_classes_in_another_order(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {"label": [[0, 1]], "correct_label": [[2, 2]]}
    turned = datasets.Sequence(datasets.ClassLabel(names=NAMES[::-1]))
    features = {"label": datasets.Sequence(classes()), "correct_label": turned}
    _, found = read(tmp_path / "d", table(columns, features))
    assert [(one.given_label, one.correct_label) for one in found] == [(0, 0), (1, 0)]


def test_two_splits_that_mean_the_same_are_refused_at_once(tmp_path: Path) -> None:
    parts = {name: table({"label": [0]}, {"label": classes()}) for name in ("train", "test", "training")}
    with pytest.raises(DataFileError, match=r"has splits 'train' and 'training', which both mean train; keep one"):
        read(tmp_path / "d", datasets.DatasetDict(parts))


def test_labels_after_cleaning_win_over_those_before(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {"original_label": [0, 0], "label": [2, 1], "label_quality": [0.5, None]}
    _, found = read(tmp_path / "d", table(columns, {"original_label": classes(), "label": classes()}))
    assert [(one.given_label, one.verification_label, one.correct_label) for one in found] == [(2, -1, -1), (1, -1, -1)]


@pytest.mark.parametrize(
    ("columns", "options", "given"),
    [
        ({"other": [0, 1], "label": [1, 0], "given_label": [2, 2]}, {}, [2, 2]),
        ({"other": [0, 1], "label": [1, 0]}, {}, [1, 0]),
        ({"number": [5, 5], "other": [0, 1], "second": [1, 1]}, {}, [0, 1]),
        ({"other": [0, 1], "label": [1, 0]}, {"label_field": "other"}, [0, 1]),
    ],
)
def test_the_column_of_labels(tmp_path: Path, columns: Any, options: dict[str, Any], given: list[int]) -> None:
    features = {name: classes() for name in columns if name in ("other", "second", "given_label", "label")}
    _, found = read(tmp_path / "d", table(columns, features), **options)
    assert [one.given_label for one in found] == given


def test_names_come_from_the_values_where_the_column_has_none(tmp_path: Path) -> None:
    assert read(tmp_path / "texts", table({"label": ["dog", "a", "dog"]}))[0] == ("a", "dog")
    names, found = read(tmp_path / "numbers", table({"label": [3, 1, 0]}))
    assert (names, [one.given_label for one in found]) == (("0", "1", "2", "3"), [3, 1, 0])
    names, found = read(tmp_path / "given", table({"label": ["dog", "a"]}), class_names=["dog", "b", "a"])
    assert (names, [one.given_label for one in found]) == (("dog", "b", "a"), [0, 2])
    names, found = read(tmp_path / "ids", table({"label": [1, 0]}), class_names=["dog", "b"])
    assert (names, [one.given_label for one in found]) == (("dog", "b"), [1, 0])


def test_names_of_the_column_are_not_changed(tmp_path: Path) -> None:
    made = table({"label": [0, 1]}, {"label": classes()})
    assert read(tmp_path / "d", made, class_names=NAMES)[0] == tuple(NAMES)
    with pytest.raises(InvalidInputError, match=r"`class_names` must be .*'dog', 'cat', 'a b'.*; leave them out"):
        read(tmp_path / "e", made, class_names=sorted(NAMES))


def test_several_labels_in_a_row(tmp_path: Path) -> None:
    made = table({"label": [[0, 2], [1], []]}, {"label": datasets.Sequence(classes())})
    bad = skipping()
    names, found = read(tmp_path / "d", made, bad)
    assert names == tuple(NAMES)
    assert [(one.key, one.given_label) for one in found] == [("0000000|dog", 0), ("0000000|a b", 2), ("0000001", 1)]
    assert problems(bad) == ["d:3: unknown class"]


def test_bad_rows_are_named_with_their_numbers(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {
        "key": ["a", "b", "b", None, "e\n", "f", "g"],
        "label": [0, 1, 1, 1, 1, None, 2],
        "verification_label": [1, 2, 1, 1, 1, 1, 1],
        "correct_label": [None, None, None, None, None, None, 1],
    }
    first = table(columns, {"label": classes()})
    second = table({"key": ["a", "a", "z"], "label": [0, 0, -1]}, {"label": classes()})
    bad = skipping()
    _, found = read(tmp_path / "d", datasets.DatasetDict({"train": first, "test": second}), bad)
    assert [(one.split, one.key) for one in found] == [("train", "a"), ("train", "b"), ("test", "a")]
    assert problems(bad) == [
        "train:2: bad verification label",
        "train:4: empty key",
        "train:5: unusable key",
        "train:6: unknown class",
        "train:7: contradicting labels",
        "test:2: duplicate key",
    ]
    assert bad.left_out == {"row without a label (class -1)": 1}
    assert bad.num_read == 10
    with pytest.raises(TooManyBadRowsError, match=r"train:2: bad verification label"):
        samples(read_huggingface(tmp_path / "d", BadRows()))


def test_pictures_are_not_decoded(tmp_path: Path) -> None:
    broken = datasets.Dataset.from_dict({"label": ["a"], "image": [{"bytes": b"no picture", "path": None}]})
    _, found = read(tmp_path / "d", broken.cast_column("image", datasets.Image()))
    assert found == [Sample("0000000", 0, "train", "hf://train/0/image")]


def test_the_first_column_of_pictures_is_taken(tmp_path: Path) -> None:
    made = table({"label": ["a"]}, image="picture of it")
    made = made.add_column("more", [{"bytes": png(9), "path": None}]).cast_column("more", datasets.Image())
    _, found = read(tmp_path / "d", made)
    assert found[0].uri == "hf://train/0/picture of it"
    assert read_image(tmp_path / "d", found[0].uri) == png(0)


def test_pixels_survive(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    made = datasets.Dataset.from_dict({"label": ["a"], "image": [str(tmp_path / "x.png")]})
    _, found = read(tmp_path / "d", made.cast_column("image", datasets.Image()))
    with Image.open(io.BytesIO(read_image(tmp_path / "d", found[0].uri))) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_what_is_missing_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="is no Hugging Face data set written by save_to_disk"):
        read_huggingface(tmp_path, BadRows())
    with pytest.raises(DataFileError, match=r"has no column of images, only label; cast one to datasets\.Image\(\)"):
        read(tmp_path / "a", datasets.Dataset.from_dict({"label": [1]}))
    with pytest.raises(DataFileError, match=r"has no column given_label or label, only kind, image; name one of them"):
        read(tmp_path / "b", table({"kind": ["x"]}))
    with pytest.raises(InvalidInputError, match=r"`label_field` 'sort' is no column of .*; it has kind, image"):
        read(tmp_path / "c", table({"kind": ["x"]}), label_field="sort")
    parts = {"train": table({"label": [1]}), "test": table({"kind": [1]})}
    with pytest.raises(DataFileError, match=r"split 'test' has no column label, as another split has"):
        read(tmp_path / "d", datasets.DatasetDict(parts))
    with pytest.raises(DataFileError, match=r"has no labels in column 'label'"):
        read(tmp_path / "e", table({"label": [None, None]}))
