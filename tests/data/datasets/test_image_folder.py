import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from noisette.data.datasets.image_folder import read_image_folder
from noisette.errors import DataFileError, InvalidInputError, TooManyBadRowsError
from noisette.types import BadRows, Sample


def make(root: Path, *files: str) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"never opened")
    return root


def read(root: Path, names: Sequence[str] | None = None) -> tuple[tuple[str, ...], list[Sample], BadRows]:
    bad = BadRows(on_error="skip", max_bad=1.0)
    found = read_image_folder(root, bad, class_names=names)
    assert found.root == root
    return found.class_names, list(found.samples), bad


def problems(root: Path, bad: BadRows) -> list[str]:
    return [str(row).removeprefix(f"{root}/") for row in bad.rows]


def test_class_folders_without_splits(tmp_path: Path) -> None:
    make(tmp_path, "dog/2.jpg", "dog/1.JPEG", "cat/deep/er/x.png", "cat/deep-er.webp")
    names, samples, bad = read(tmp_path)
    assert names == ("cat", "dog")
    assert samples == [
        Sample("cat/deep-er.webp", 0, "train", "cat/deep-er.webp"),
        Sample("cat/deep/er/x.png", 0, "train", "cat/deep/er/x.png"),
        Sample("dog/1.JPEG", 1, "train", "dog/1.JPEG"),
        Sample("dog/2.jpg", 1, "train", "dog/2.jpg"),
    ]
    assert (bad.num_read, bad.num_bad, dict(bad.left_out)) == (4, 0, {})


def test_splits_with_class_folders_in_them(tmp_path: Path) -> None:
    make(tmp_path, "testing/dog/1.jpg", "Val/cat/1.jpg", "train/cow/1.jpg", "train/cat/1.jpg", ".git/x/1.jpg")
    names, samples, _ = read(tmp_path)
    assert names == ("cat", "cow", "dog")
    assert samples == [
        Sample("cat/1.jpg", 0, "train", "train/cat/1.jpg"),
        Sample("cow/1.jpg", 1, "train", "train/cow/1.jpg"),
        Sample("cat/1.jpg", 0, "validation", "Val/cat/1.jpg"),
        Sample("dog/1.jpg", 2, "test", "testing/dog/1.jpg"),
    ]


def test_a_class_may_be_called_train_among_others(tmp_path: Path) -> None:
    make(tmp_path, "train/1.jpg", "plane/1.jpg")
    names, samples, _ = read(tmp_path)
    assert names == ("plane", "train")
    assert [(one.split, one.key) for one in samples] == [("train", "plane/1.jpg"), ("train", "train/1.jpg")]


def test_a_class_called_test_may_hold_folders_beside_its_pictures(tmp_path: Path) -> None:
    make(tmp_path, "test/1.jpg", "test/more/2.jpg", "plane/1.jpg")
    assert read(tmp_path)[0] == ("plane", "test")
    (tmp_path / "empty" / "val").mkdir(parents=True)
    make(tmp_path / "empty", "plane/1.jpg")
    assert read(tmp_path / "empty")[0] == ("plane", "val")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (("train/a/1.jpg", "val/a/1.jpg", "devkit/x.txt"), "has 'devkit' beside folders .*'train' and 'val'"),
        (("train/a/1.jpg", "annotations/x.xml"), r"has 'annotations' beside folders named as splits are \('train'\)"),
        (("train/1.jpg", "val/1.jpg", "a/1.jpg"), "has 'a' beside"),
        (("Test/a/1.jpg", *(f"{n}/1.jpg" for n in range(9))), r"has '0', '1', '2' and 6 more beside"),
    ],
)
def test_folders_beside_those_of_splits_are_refused(tmp_path: Path, files: tuple[str, ...], reason: str) -> None:
    make(tmp_path, *files)
    with pytest.raises(DataFileError, match=f"{reason}.*; move what is no split away, or name the folder that holds"):
        read(tmp_path)


def test_a_class_list_says_that_folders_named_as_splits_are_classes(tmp_path: Path) -> None:
    make(tmp_path, "train/steam/1.jpg", "test/tube/1.jpg", "plane/1.jpg")
    names, samples, _ = read(tmp_path, ["plane", "test", "train"])
    assert [(names[one.given_label], one.split, one.key) for one in samples] == [
        ("plane", "train", "plane/1.jpg"),
        ("test", "train", "test/tube/1.jpg"),
        ("train", "train", "train/steam/1.jpg"),
    ]
    with pytest.raises(DataFileError, match=r"has 'plane', 'test' beside .*\('train'\)"):
        read(tmp_path, ["plane", "test"])


@pytest.mark.parametrize("mark", ["noisette.toml", "noisette-export.json", "noisette-export.unfinished.json"])
@pytest.mark.parametrize("split", ["", "train/"])
def test_a_workspace_or_an_export_is_no_class(tmp_path: Path, split: str, mark: str) -> None:
    make(tmp_path, f"{split}a/1.jpg", f"{split}work/{mark}", f"{split}work/train/a/1.jpg")
    names, samples, bad = read(tmp_path)
    assert (names, [one.key for one in samples], bad.num_bad) == (("a",), ["a/1.jpg"], 0)
    assert dict(bad.left_out) == {"folder of a Noisette workspace or export": 1}


def test_a_workspace_beside_folders_of_splits_does_not_make_them_classes(tmp_path: Path) -> None:
    make(tmp_path, "train/a/1.jpg", "val/a/1.jpg", "work/noisette.toml", "noisette-export.json")
    _, samples, bad = read(tmp_path)
    assert [one.uri for one in samples] == ["train/a/1.jpg", "val/a/1.jpg"]
    assert bad.left_out["folder of a Noisette workspace or export"] == 1


def test_two_folders_for_one_split_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "val/a/1.jpg", "valid/a/1.jpg", "train/a/1.jpg")
    with pytest.raises(DataFileError, match=r"has folders 'val' and 'valid' for the same split; keep one of them"):
        read(tmp_path)


def test_empty_class_folders_stay_classes(tmp_path: Path) -> None:
    make(tmp_path, "b/1.jpg")
    (tmp_path / "a").mkdir()
    names, samples, _ = read(tmp_path)
    assert (names, [one.given_label for one in samples]) == (("a", "b"), [1])


def test_the_order_does_not_depend_on_the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = sorted(f"{label}/{number}.jpg" for label in "xyz" for number in range(20))
    make(tmp_path, *paths)
    scandir, shuffle = os.scandir, random.Random(0).shuffle

    class Shuffled(list[os.DirEntry[str]]):
        def __enter__(self) -> "Shuffled":
            return self

        def __exit__(self, *_: object) -> None:
            pass

    def shuffled(path: Path) -> Shuffled:
        with scandir(path) as entries:
            found = Shuffled(entries)
        shuffle(found)
        return found

    monkeypatch.setattr(os, "scandir", shuffled)
    assert [one.key for one in read(tmp_path)[1]] == paths


def test_classes_come_in_the_order_of_a_given_list(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "b/1.jpg", "b/no.txt", "cow/1.jpg", "cow/2.jpg")
    names, samples, bad = read(tmp_path, ["b", "empty", "a"])
    assert names == ("b", "empty", "a")
    assert [(one.key, one.given_label) for one in samples] == [("b/1.jpg", 0), ("a/1.jpg", 2)]
    assert problems(tmp_path, bad) == [
        "b/no.txt: not a picture by its name",
        "cow/1.jpg: unknown class: folder 'cow' is none of the 3 classes",
        "cow/2.jpg: unknown class: folder 'cow' is none of the 3 classes",
    ]
    assert bad.num_read == 5


def test_a_class_list_with_a_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="'a' twice"):
        read(make(tmp_path, "a/1.jpg"), ["a", "a"])


@pytest.mark.parametrize("split", ["", "train/"])
def test_files_beside_class_folders(tmp_path: Path, split: str) -> None:
    make(tmp_path, f"{split}a/1.jpg", f"{split}lost.png", f"{split}README.md", f"{split}.DS_Store", "top.jpg")
    _, samples, bad = read(tmp_path)
    assert [one.key for one in samples] == ["a/1.jpg"]
    expected = "no class folder: expected root/class/picture.jpg, or root/train/class/picture.jpg"
    assert set(problems(tmp_path, bad)) == {f"{split}lost.png: {expected}", f"top.jpg: {expected}"}
    assert dict(bad.left_out) == {"hidden file": 1, "not a picture, beside the class folders": 1}


def test_hidden_files_are_left_out_and_others_are_bad(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "a/._1.jpg", "a/Thumbs.db", "a/x.txt", "a/jpg", "a/.cache/2.jpg", "__MACOSX/a/1.jpg")
    names, samples, bad = read(tmp_path)
    assert (names, len(samples)) == (("a",), 1)
    assert problems(tmp_path, bad) == ["a/jpg: not a picture by its name", "a/x.txt: not a picture by its name"]
    assert dict(bad.left_out) == {"hidden file": 2, "hidden folder": 2}


def test_names_that_no_list_can_hold_are_bad_and_printed(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "a/line\nbreak.jpg", "b\tc/1.jpg")
    make(tmp_path, os.fsdecode(b"a/\xff.jpg/x.jpg"), os.fsdecode(b"\xfe/x.jpg"))
    names, samples, bad = read(tmp_path)
    assert names == ("a",)
    assert [one.uri for one in samples] == ["a/1.jpg"]
    reason = "unusable name: it is not UTF-8 or holds control characters; rename it"
    assert problems(tmp_path, bad) == [
        rf"a/line\nbreak.jpg: {reason}",
        rf"a/\xff.jpg/x.jpg: {reason}",
        rf"b\tc/1.jpg: {reason}",
        rf"\xfe/x.jpg: {reason}",
    ]


def test_class_folders_may_be_links(tmp_path: Path) -> None:
    make(tmp_path / "far", "1.jpg")
    root = make(tmp_path / "root", "a/1.jpg")
    (root / "b").symlink_to(tmp_path / "far")
    (root / "a/again").symlink_to(root)
    (root / "a/gone.jpg").symlink_to("nowhere.jpg")
    names, samples, bad = read(root)
    assert names == ("a", "b")
    assert [one.uri for one in samples] == ["a/1.jpg", "b/1.jpg"]
    assert problems(root, bad) == ["a/again: link to a folder that it is in", "a/gone.jpg: broken link"]


def test_samples_come_as_they_are_asked_for(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "a/2.jpg", "b/1.jpg")
    bad = BadRows()
    samples = read_image_folder(tmp_path, bad).samples
    assert bad.num_read == 0
    assert next(samples).key == "a/1.jpg"
    assert bad.num_read == 1
    make(tmp_path, "b/0.jpg")
    assert [one.key for one in samples] == ["a/2.jpg", "b/0.jpg", "b/1.jpg"]


def test_the_policy_for_bad_rows_holds(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "a/2.txt")
    with pytest.raises(TooManyBadRowsError, match=r"a/2\.txt: not a picture by its name"):
        list(read_image_folder(tmp_path, BadRows()).samples)
    make(tmp_path, "b/1.jpg")
    few = BadRows(on_error="skip", max_bad=0.1, grace=3)
    with pytest.raises(TooManyBadRowsError, match=r"1 of 3 rows are bad"):
        list(read_image_folder(tmp_path, few).samples)


@pytest.mark.parametrize("files", [[], ["1.jpg"], [".hidden/1.jpg"], ["train/1.jpg"]])
def test_a_root_without_class_folders_is_refused(tmp_path: Path, files: list[str]) -> None:
    with pytest.raises(DataFileError, match=r"has no class folders; expected root/class/picture\.jpg"):
        read(make(tmp_path, *files))


def test_a_root_that_is_missing_no_folder_or_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="does not exist"):
        read(tmp_path / "none")
    with pytest.raises(DataFileError, match="is a file"):
        read(make(tmp_path, "a/b.txt") / "a/b.txt")
    with pytest.raises(DataFileError, match=r"gives no samples \(1 of 1 rows skipped: 1 not a picture by its name\)"):
        read(tmp_path)
