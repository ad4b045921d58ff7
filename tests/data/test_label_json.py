import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noisette.data import read_label_file, resolve_label_rows, write_fiftyone, write_label_studio
from noisette.errors import DataFileError
from noisette.types import BadRow, BadRows, Review, SampleTable

NAMES = ("cat", "dog", "3")
NOW = datetime(2026, 1, 2, tzinfo=UTC)
KEYS = ("a/1.jpg", "a/2.jpg", "b/é 1.png", "b/2.jpg")
SAMPLES = SampleTable(keys=list(KEYS), splits=["train"] * 4, given_labels=np.array([0, 0, 1, 2]), uris=[""] * 4)


def decided(path: Path, content: Any = None) -> tuple[list[tuple[object, ...]], list[BadRow]]:
    """Give (key, verdict, correct label, reviewer) of the usable rows of a file, and all others."""
    if content is not None:
        path.write_text(json.dumps(content), encoding="utf-8")
    bad = BadRows(on_error="skip", max_bad=1.0)
    table = read_label_file(path, bad, NAMES, column="verification_label")
    reviews, problems = resolve_label_rows(table, SAMPLES, time=NOW, bad_rows=bad)
    rows: list[tuple[object, ...]]
    rows = [(one.key, one.verification_label, one.correct_label, one.reviewer) for one in reviews]
    return rows, [*bad.rows, *problems]


def task(image: str, *annotations: dict[str, Any], **data: Any) -> dict[str, Any]:
    return {"id": 7, "data": {"image": image} | data, "annotations": list(annotations)}


def choice(word: str, name: str = "choice", **more: Any) -> dict[str, Any]:
    result = {"from_name": name, "to_name": "image", "type": "choices", "value": {"choices": [word]}}
    return {"result": [result], "completed_by": 3, "was_cancelled": False} | more


def test_a_plain_classification_project_of_label_studio_names_the_right_class(tmp_path: Path) -> None:
    rows, problems = decided(
        tmp_path / "x.json",
        [
            task("a/1.jpg", choice("cat"), choice("dog", completed_by={"id": 4, "email": "bob@x.org"})),
            task("a/2.jpg", choice("none of the classes", lead_time=3.5)),
            task("b/2.jpg", choice("3"), choice("dog", was_cancelled=True)),
        ],
    )
    assert problems == []
    assert rows == [
        ("a/1.jpg", 1, 0, "3"),
        ("a/1.jpg", 0, 1, "bob@x.org"),
        ("a/2.jpg", 0, -2, "3"),
        ("b/2.jpg", 1, 2, "3"),
    ]


def test_what_is_wrong_in_an_export_of_label_studio_is_named_by_its_task(tmp_path: Path) -> None:
    rows, problems = decided(
        tmp_path / "x.json",
        [
            "no task",
            task("a/1.jpg", choice("perhaps", name="verdict")),
            task("a/2.jpg", {"result": 3}),
            task("a/2.jpg", choice("fish")),
            task("nowhere.jpg", choice("dog")),
            task("b/2.jpg", {"result": [{"type": "rectanglelabels", "value": {}}]}, choice("dog")),
        ],
    )
    assert rows == [("b/2.jpg", 0, 1, "3")]
    assert [(one.line, one.kind) for one in problems] == [
        (1, "no task"),
        (2, "bad verdict"),
        (3, "no annotation"),
        (4, "unknown class"),
        (5, "unknown key"),
    ]


@pytest.mark.parametrize("classes", [None, ["dog", "cat"]])
def test_labels_of_fiftyone_name_the_right_class(tmp_path: Path, classes: list[str] | None) -> None:
    labels = {"a/1": "cat", "a/2": "dog", "b/é 1": None, "b/2": {"label": "none of the classes", "confidence": 0.5}}
    if classes:
        labels |= {"a/1": 1, "a/2": 0}  # type: ignore[dict-item]
    rows, problems = decided(tmp_path / "labels.json", {"classes": classes, "labels": labels})
    assert problems == []
    assert rows == [("a/1.jpg", 1, 0, "import"), ("a/2.jpg", 0, 1, "import"), ("b/2.jpg", 0, -2, "import")]


def test_a_label_of_fiftyone_that_is_none_is_named(tmp_path: Path) -> None:
    rows, problems = decided(tmp_path / "labels.json", {"labels": {"a/1": 5, "a/2": "dog"}})
    assert rows == [("a/2.jpg", 0, 1, "import")]
    assert [(one.line, one.kind) for one in problems] == [(1, "no label")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not valid JSON"),
        ('"text"', r"must be a list of tasks with annotations \(Label Studio\)"),
        ('{"labels": 3}', r"or an object with `labels` \(FiftyOne\)"),
        ("[]", "has none of the columns"),
    ],
)
def test_other_json_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataFileError, match=message):
        read_label_file(path, BadRows())


def review(key: str, verdict: int, who: str, correct: int = -1) -> Review:
    given = int(SAMPLES.given_labels[KEYS.index(key)])
    return Review(key=key, given_label=given, verification_label=verdict, correct_label=correct, reviewer=who, time=NOW)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    said = [
        review("a/1.jpg", 1, "ann"),
        review("a/1.jpg", 0, "bob", 2),
        review("b/é 1.png", 0, "", -2),
        review("b/2.jpg", 0, "ann"),
    ]
    write_label_studio(tmp_path / "ls.json", said, NAMES, {("train", "a/1.jpg"): "https://host/1.jpg"})
    rows, problems = decided(tmp_path / "ls.json")
    assert problems == []
    assert rows == [(one.key, one.verification_label, one.correct_label, one.reviewer or "import") for one in said]
    tasks = json.loads((tmp_path / "ls.json").read_text(encoding="utf-8"))
    assert [one["data"]["image"] for one in tasks] == ["https://host/1.jpg", "b/é 1.png", "b/2.jpg"]
    write_fiftyone(tmp_path / "51.json", said[1:], NAMES)
    rows, problems = decided(tmp_path / "51.json")
    assert problems == []
    assert rows == [(one.key, one.verification_label, one.correct_label, one.reviewer or "import") for one in said[1:]]


def test_two_pictures_of_one_name_are_refused_for_fiftyone(tmp_path: Path) -> None:
    said = [review("a/1.jpg", 1, "ann"), Review(key="a/1.png", given_label=0, verification_label=1, time=NOW)]
    with pytest.raises(DataFileError, match=r"cannot hold 'a/1\.jpg' and 'a/1\.png': FiftyOne takes both for 'a/1'"):
        write_fiftyone(tmp_path / "x.json", said, NAMES)
    assert not (tmp_path / "x.json").exists()


def test_nothing_at_all_is_a_file(tmp_path: Path) -> None:
    write_label_studio(tmp_path / "ls.json", [], NAMES, {})
    write_fiftyone(tmp_path / "51.json", [], NAMES)
    assert json.loads((tmp_path / "ls.json").read_text()) == []
    assert json.loads((tmp_path / "51.json").read_text()) == {"labels": {}, "classes": None}
