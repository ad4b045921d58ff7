import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from noisette.errors import InvalidInputError
from noisette.pipeline.agreement import reviewer_agreement
from noisette.pipeline.labels import ExportResult, export_labels, import_labels
from noisette.pipeline.workspace import Workspace
from noisette.store import read_samples
from noisette.types import Review
from tests.pipeline.conftest import forget_decisions


@pytest.fixture
def drawn(workspace: Workspace, tmp_path: Path) -> Path:
    forget_decisions(workspace)
    path = tmp_path / "drawn.csv"
    path.write_text(
        "key,verification_label,queue,inclusion_probability,seconds\n"
        "0,1,audit,0.1,2.5\n"
        "1,0,plan,0.3,\n"
        "2,,plan,0.3,\n"
        "3,1,,,\n"
        "4,1,plan,1.5,\n",
        encoding="utf-8",
    )
    return path


def test_queue_probability_and_seconds_are_imported_and_bad_rows_named(workspace: Workspace, drawn: Path) -> None:
    done = import_labels(workspace, drawn)
    assert done.added == 3
    assert done.bad_rows.left_out.total() == 1
    assert [(row.line, row.kind) for row in done.bad_rows.rows] == [(6, "bad inclusion probability")]
    with workspace.reviews() as store:
        found = [(one.key, one.queue, one.inclusion_probability, one.seconds) for one in store.reviews()]
    assert found == [("0", "audit", 0.1, 2.5), ("1", "plan", 0.3, None), ("3", "import", None, None)]
    assert import_labels(workspace, drawn).added == 0


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_they_come_back_from_an_export_exactly(workspace: Workspace, drawn: Path, tmp_path: Path, suffix: str) -> None:
    import_labels(workspace, drawn)
    with workspace.reviews() as store:
        before = store.latest()
    path = tmp_path / f"out{suffix}"
    assert export_labels(workspace, path).rows == 3
    assert import_labels(workspace, path).added == 0
    forget_decisions(workspace)
    assert import_labels(workspace, path).added == 3
    with workspace.reviews() as store:
        after = store.latest()
    for name, one in before.items():
        assert (one.queue, one.inclusion_probability) == (after[name].queue, after[name].inclusion_probability)
        assert one.seconds == after[name].seconds


def test_an_export_says_how_a_sample_was_drawn_though_it_was_looked_at_again(
    workspace: Workspace, drawn: Path, tmp_path: Path
) -> None:
    import_labels(workspace, drawn)
    again = tmp_path / "again.csv"
    again.write_text("key,verification_label,queue\n0,0,suspicious\n", encoding="utf-8")
    import_labels(workspace, again)
    export_labels(workspace, tmp_path / "out.csv")
    forget_decisions(workspace)
    import_labels(workspace, tmp_path / "out.csv")
    with workspace.reviews() as store:
        one = store.latest()["train", "0"]
        resolved = store.resolve(["train"], ["0"], np.array([one.given_label]))
    assert (one.verification_label, one.queue) == (0, "audit")
    assert resolved.inclusion_probabilities.tolist() == [0.1]


def decide(workspace: Workspace, *decisions: tuple[str, str, int, int]) -> None:
    """Add (key, reviewer, verification label, correct label), as on the page."""
    given = dict(zip((samples := read_samples(workspace.samples)).keys, samples.given_labels.tolist(), strict=True))
    with workspace.reviews() as store:
        for number, (key, who, verdict, correct) in enumerate(decisions):
            moment = datetime(2026, 1, 2, tzinfo=UTC) + timedelta(seconds=number)
            store.add(
                Review(
                    key=key,
                    given_label=given[key],
                    verification_label=verdict,
                    correct_label=correct,
                    reviewer=who,
                    queue="class",
                    time=moment,
                    seconds=1.5,
                )
            )


def other(workspace: Workspace, key: str) -> int:
    samples = read_samples(workspace.samples)
    return (int(samples.given_labels[samples.keys.index(key)]) + 1) % 6


@pytest.fixture
def reviewed(workspace: Workspace) -> Workspace:
    """Five samples: agreed, disputed, one reviewer who names a class, none of the classes, wrong but not known what."""
    forget_decisions(workspace)
    decide(
        workspace, ("0", "ann", 1, -1), ("0", "bob", 1, -1), ("1", "ann", 1, -1), ("1", "bob", 0, other(workspace, "1"))
    )
    decide(workspace, ("2", "ann", 0, other(workspace, "2")), ("3", "eve", 0, -2), ("4", "eve", 0, -1))
    return workspace


def voices(workspace: Workspace) -> set[tuple[object, ...]]:
    with workspace.reviews() as store:
        return {
            (one.key, one.reviewer, one.verification_label, one.correct_label, one.queue, one.seconds)
            for one in store.voices()
        }


def standing(workspace: Workspace) -> dict[str, tuple[object, ...]]:
    with workspace.reviews() as store:
        latest = store.latest().values()
    return {one.key: (one.verification_label, one.correct_label, one.reviewer) for one in latest}


def classes_named(workspace: Workspace) -> set[tuple[object, ...]]:
    """Give who named which class: the given one, or another."""
    said = {(key, who, "given" if label == 1 else correct) for key, who, label, correct, *_ in voices(workspace)}
    return {one for one in said if one[2] not in (-1, -2)}


@pytest.mark.parametrize(
    ("format", "name", "every_reviewer"),
    [
        ("label-studio", "out.json", False),
        ("table", "out.csv", True),
        ("auto", "out.tsv", True),
        ("table", "out.parquet", True),
    ],
)
def test_every_reviewers_decisions_come_back(
    reviewed: Workspace, tmp_path: Path, format: str, name: str, every_reviewer: bool
) -> None:
    before, path = voices(reviewed), tmp_path / name
    assert export_labels(reviewed, path, format=format, every_reviewer=every_reviewer) == ExportResult(7, 0)
    export_labels(reviewed, path, format=format, every_reviewer=every_reviewer)
    assert import_labels(reviewed, path).added == 0
    forget_decisions(reviewed)
    done = import_labels(reviewed, path)
    assert (done.added, done.problems, done.bad_rows.rows) == (7, (), [])
    assert voices(reviewed) == before


def test_what_stands_comes_back_from_fiftyone(reviewed: Workspace, tmp_path: Path) -> None:
    with reviewed.reviews() as store:
        before = {
            name: (one.verification_label, one.correct_label, one.reviewer) for name, one in store.latest().items()
        }
    path = tmp_path / "labels.json"
    assert export_labels(reviewed, path, format="fiftyone").rows == 5
    content = json.loads(path.read_text(encoding="utf-8"))
    names = reviewed.class_names()
    assert content["labels"]["2"]["label"] == names[other(reviewed, "2")]
    assert content["labels"]["3"]["label"] == "none of the classes"
    assert content["labels"]["4"]["label"] is None
    assert import_labels(reviewed, path).added == 0
    forget_decisions(reviewed)
    assert import_labels(reviewed, path).added == 5
    with reviewed.reviews() as store:
        after = {
            name: (one.verification_label, one.correct_label, one.reviewer) for name, one in store.latest().items()
        }
    assert after == before


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_cleanlab_takes_the_wide_table_and_what_names_a_class_comes_back(
    reviewed: Workspace, tmp_path: Path, suffix: str
) -> None:
    multiannotator = pytest.importorskip("cleanlab.multiannotator", reason="cleanlab is in the extra bench")

    path = tmp_path / f"wide{suffix}"
    assert export_labels(reviewed, path, format="cleanlab") == ExportResult(5, 2)
    if suffix == ".parquet":
        table = pq.read_table(path)
        assert table.column_names == ["key", "split", "given_label", "reviewer:ann", "reviewer:bob", "reviewer:eve"]
        said = [table.column(name).to_pylist() for name in table.column_names[3:5]]
        labels = np.array([[np.nan if one is None else one for one in column] for column in said]).T
        without_ties = multiannotator.get_majority_vote_label(labels[[0, 2]]).tolist()
        assert without_ties == [table.column("given_label")[0].as_py(), other(reviewed, "2")]
    before = classes_named(reviewed)
    forget_decisions(reviewed)
    assert import_labels(reviewed, path).added == 5
    assert classes_named(reviewed) == before


def test_a_format_must_fit_the_file(reviewed: Workspace, tmp_path: Path) -> None:
    for format, name in (("auto", "x.json"), ("fiftyone", "x.csv"), ("cleanlab", "x.json"), ("coco", "x.json")):
        with pytest.raises(InvalidInputError, match=r"`format` must fit the name of the file: table \(\.csv"):
            export_labels(reviewed, tmp_path / name, format=format)
    with pytest.raises(InvalidInputError, match="`consensus` must be vote or reliability, got 'dice'"):
        export_labels(reviewed, tmp_path / "x.csv", consensus="dice")
    (tmp_path / "mine.json").write_text('{"my": "file"}', encoding="utf-8")
    with pytest.raises(InvalidInputError, match="is there already and is no export of noisette"):
        export_labels(reviewed, tmp_path / "mine.json", format="fiftyone")


def test_agreement_and_a_consensus_by_reliability(workspace: Workspace, tmp_path: Path) -> None:
    forget_decisions(workspace)
    samples = read_samples(workspace.samples)
    wrong = {key for key in samples.keys[:60] if int(key) % 3 == 0}
    for who in ("ann", "bob", "eve"):
        decide(workspace, *((key, who, int(key not in wrong), -1) for key in samples.keys[:60]))
    # A careless pair outvotes two careful ones, who were asked first.
    for who in ("joe", "pat", "sam"):
        decide(workspace, *((key, who, 1, -1) for key in samples.keys[:60]))
    decide(workspace, ("70", "joe", 1, -1), ("71", "pat", 0, -2))
    found = reviewer_agreement(workspace)
    assert (found.samples, found.disputed, found.overruled) == (60, 20, 20)
    assert 0 < found.kappa < 1
    reliability = {one.name: one.reliability for one in found.reviewers}
    assert min(reliability[who] for who in ("ann", "bob", "eve")) > max(
        reliability[who] for who in ("joe", "pat", "sam")
    )
    assert {one.name: one.decisions for one in found.reviewers}["joe"] == 61
    path = tmp_path / "out.csv"
    export_labels(workspace, path, consensus="reliability")
    with path.open(encoding="utf-8") as file:
        rows = {row["key"]: row for row in csv.DictReader(file)}
    assert {key for key, row in rows.items() if row["verification_label"] == "0"} == wrong | {"71"}
    assert rows["70"]["reviewer"] == "joe", "nobody else looked"


def test_agreement_where_nobody_looked_twice(workspace: Workspace) -> None:
    forget_decisions(workspace)
    assert np.isnan(reviewer_agreement(workspace).kappa)
    decide(workspace, ("0", "ann", 1, -1), ("1", "bob", -1, -1))
    found = reviewer_agreement(workspace)
    assert (found.samples, found.disputed, [one.name for one in found.reviewers]) == (0, 0, ["ann", "bob"])
    assert [one.unsure for one in found.reviewers] == [0, 1]
