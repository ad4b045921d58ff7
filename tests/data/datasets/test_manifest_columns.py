from pathlib import Path

import pytest

from noisette.data.datasets.manifest_columns import find_columns
from noisette.errors import DataFileError


@pytest.mark.parametrize("name", "path file filename file_name filepath file_path image image_path Path".split())
def test_the_path_may_have_any_of_its_names(name: str) -> None:
    assert find_columns(Path("m.csv"), [name, "label"]) == {"path": 0, "given_label": 1}


@pytest.mark.parametrize("name", "given_label label labels class class_name CLASS class_labels".split())
def test_the_label_may_have_any_of_its_names(name: str) -> None:
    assert find_columns(Path("m.csv"), ["url", f" {name} ", "path"]) == {"given_label": 1, "path": 2}


def test_a_shard_and_a_member_stand_for_a_path() -> None:
    names = ["member", "shard", "label", "split", "key", "verification_label", "correct_label", "caption"]
    assert sorted(find_columns(Path("m.csv"), names)) == sorted(
        ["member", "shard", "given_label", "split", "key", "verification_label", "correct_label"]
    )


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cat/1.jpg", "cat"], r"m\.csv:1: must have a header row that names a path column \(path, .*; got cat/1"),
        (["path", "caption"], r"and a label column \(label, class, \.\.\.\); got path, caption"),
        (["shard", "label"], r"or shard and member"),
        (["x" * 300], r"got 1 others"),
        (["path", "file", "label"], r"columns 'path' and 'file' both mean path; keep one of them"),
        (["label", "class", "path"], r"columns 'label' and 'class' both mean given_label"),
        (["path", "shard", "member", "label"], r"has a path column, and shard and member columns; keep one kind"),
    ],
)
def test_columns_that_will_not_do(names: list[str], message: str) -> None:
    with pytest.raises(DataFileError, match=message):
        find_columns(Path("m.csv"), names, line=1)


def test_a_table_without_lines_has_no_header_row() -> None:
    with pytest.raises(DataFileError, match=r"m\.parquet: must have a path column"):
        find_columns(Path("m.parquet"), ["x"])
