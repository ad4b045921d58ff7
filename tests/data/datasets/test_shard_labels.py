import json
from pathlib import Path
from typing import Any

import pytest

from noisette.data.datasets import shard_labels
from noisette.data.datasets.shard_groups import iter_groups
from noisette.data.datasets.shard_labels import read_label_cells
from noisette.data.rows import BadRowError
from noisette.types import BadRows
from tests.data.datasets.tar_shards import write_tar


def cells(folder: Path, label_field: str | None = None, **members: bytes | str | dict[str, Any]) -> dict[str, Any]:
    raw = {f"1.{end}": json.dumps(data).encode() if isinstance(data, dict) else data for end, data in members.items()}
    path = write_tar(folder / "0.tar", {"1.jpg": b"x" * 600, **raw})
    (group,) = iter_groups(path, BadRows())
    with path.open("rb") as file:
        return read_label_cells(file, group, label_field)


def problem(folder: Path, label_field: str | None = None, **members: bytes | str | dict[str, Any]) -> str:
    with pytest.raises(BadRowError) as error:
        cells(folder, label_field, **members)
    return f"{error.value.kind}: {error.value.detail}"


def test_a_cls_is_the_label_before_the_json(tmp_path: Path) -> None:
    assert cells(tmp_path, cls=b" 12\n", json={"label": 3}) == {"given_label": "12", "split": "train"}


def test_the_first_field_that_has_a_value_is_the_label(tmp_path: Path) -> None:
    fields = {"class_name": "dog", "label": None, "class": 3, "caption": "x"}
    assert cells(tmp_path, json=fields)["given_label"] == 3
    assert cells(tmp_path, json={"label": None})["given_label"] is None


def test_a_field_that_is_named_comes_before_all(tmp_path: Path) -> None:
    assert cells(tmp_path, "caption", cls=b"1", json={"label": 3, "caption": "dog"})["given_label"] == "dog"
    assert cells(tmp_path, "other", cls=b"1", json={"label": 3})["given_label"] == "1"


def test_other_fields_of_ours_are_taken_too(tmp_path: Path) -> None:
    fields = {"label": ["a", "b"], "verification_label": [1, 0], "correct_label": None, "split": "val", "url": "x"}
    assert cells(tmp_path, json=fields) == {
        "given_label": ["a", "b"], "verification_label": [1, 0], "correct_label": None, "split": "validation",
    }  # fmt: skip


def test_a_missing_label_names_the_fields_and_the_remedy(tmp_path: Path) -> None:
    fields = {"key": "1", "caption": "x"}
    assert problem(tmp_path, json=fields) == (
        "no label: the .json has no field given_label, label, class, class_name, class_label; it has caption, key; "
        "name one with --label-field"
    )
    assert problem(tmp_path, "kind", json=fields).startswith("no label: the .json has no field kind; it has caption")
    assert problem(tmp_path, txt=b"x") == "no label: expected a .cls or .json beside the picture, got jpg, txt"
    assert problem(tmp_path, cls="9.cls").endswith("got jpg; .cls is a link to '9.cls'")
    many = problem(tmp_path, json={f"field_{number}": 1 for number in range(1000)})
    assert "field_0, field_1, " in many
    assert len(many) < 500


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "Expecting property name"),
        (b"", "Expecting value"),
        (b"\xff\xff", "can't decode"),
        (b"[1]", "must hold fields in braces, got [1]"),
        (b"[" * 100_000, "recursion"),
    ],
)
def test_json_that_is_corrupt(tmp_path: Path, data: bytes, reason: str) -> None:
    found = problem(tmp_path, json=data)
    assert found.startswith("corrupt json: '1.json'")
    assert reason in found


def test_other_members_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert problem(tmp_path, cls=b"\xff") == "invalid UTF-8: '1.cls'"
    assert problem(tmp_path, cls=b"1", json={"split": "a\nb"}) == "unusable split: 'a\\nb'"
    monkeypatch.setattr(shard_labels, "_MOST_BYTES", 3)
    assert problem(tmp_path, cls=b"1234") == "huge member: '1.cls' has 4 bytes, which is no label"
