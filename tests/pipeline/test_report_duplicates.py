from __future__ import annotations

from pathlib import Path

import numpy as np

from noisette.pipeline.detect import detect
from noisette.pipeline.duplicates import kept_duplicates
from noisette.pipeline.labelled import load_labelled
from noisette.pipeline.report import make_report
from noisette.pipeline.report_duplicates import MAX_COPIES, MAX_PICTURES, report_duplicates, shown_rows
from noisette.store import read_samples, write_samples
from noisette.types import SampleTable
from tests.pipeline.duplicated import make_data


def test_the_report_shows_the_largest_conflicts(tmp_path: Path) -> None:
    data = make_data()
    data.decisions = {row: verdict for row, verdict in data.decisions.items() if row >= 25}
    for row in range(25):
        data.copy(row, f"copy of {row}", label=int(data.given[row] + 1) % 6)
    data.copy(24, "another of 24", split="test")
    workspace = data.write(tmp_path / "w")
    detect(workspace)
    labelled = kept_duplicates(workspace, load_labelled(workspace))
    assert labelled is not None
    found = report_duplicates(workspace, labelled)
    assert (found.num_samples, found.num_pictures, found.num_conflicting, found.num_across_splits) == (51, 25, 25, 3)
    assert len(found.conflicts) == MAX_PICTURES
    assert [copy.key for copy in found.conflicts[0]] == ["k24", "copy of 24", "another of 24"]
    page = make_report(workspace).read_text(encoding="utf-8")
    assert "The same picture under different labels" in page
    assert "copy of 3" in page
    assert "neighbours" in page


def test_a_corrected_label_stands_in_the_report_instead_of_the_given_one(tmp_path: Path) -> None:
    data = make_data()
    given = int(data.given[0])
    copy = data.copy(0, "copy", label=(given + 1) % 6)
    workspace = data.write(tmp_path / "w")
    data.decide(workspace, copy, 0, (given + 2) % 6)
    detect(workspace)
    labelled = kept_duplicates(workspace, load_labelled(workspace))
    assert labelled is not None
    ((_, shown),) = report_duplicates(workspace, labelled).conflicts
    assert (shown.label, shown.given_label, shown.verification_label) == ((given + 2) % 6, (given + 1) % 6, 0)


def test_duplicates_of_other_samples_are_not_shown(tmp_path: Path) -> None:
    data = make_data()
    data.copy(0, "copy", label=int(data.given[0] + 1) % 6)
    workspace = data.write(tmp_path / "w")
    detect(workspace)
    samples = read_samples(workspace.samples)
    names = [f"new {key}" if key == "copy" else key for key in samples.keys]
    write_samples(workspace.samples, SampleTable(samples.splits, names, samples.uris, samples.given_labels))
    assert kept_duplicates(workspace, load_labelled(workspace)) is None
    workspace.duplicates.unlink()
    assert kept_duplicates(workspace, load_labelled(workspace)) is None


def test_many_copies_are_shown_with_as_many_labels_as_there_are() -> None:
    rows, labels = np.arange(100, 112), np.array([0] * 9 + [1, 2, 1])
    assert shown_rows(rows, labels) == [100, 101, 102, 109, 110, 111]
    assert len(shown_rows(rows, labels)) == MAX_COPIES
    assert shown_rows(rows[:2], labels[:2]) == [100, 101]
