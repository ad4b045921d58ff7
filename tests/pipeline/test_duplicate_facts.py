from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from noisette.pipeline.detect import DetectResult, detect
from noisette.pipeline.duplicate_facts import conflicts, count_duplicates, rows_across_splits, split_parts
from noisette.pipeline.duplicates import with_duplicates
from noisette.pipeline.evaluate import evaluate_held_out
from noisette.pipeline.labelled import LabelledFeatures, load_labelled
from noisette.pipeline.plan import plan
from noisette.pipeline.provenance import input_hashes
from noisette.pipeline.score_tables import read_scores
from noisette.pipeline.workspace import Workspace
from tests.pipeline.duplicated import ROWS, TRAIN, make_data


def labelled_of(workspace: Workspace) -> LabelledFeatures:
    return with_duplicates(workspace, load_labelled(workspace), input_hashes(workspace))


def notes_of(found: DetectResult) -> str:
    return " ".join(found.notes)


def test_without_duplicates_nothing_is_said(tmp_path: Path) -> None:
    found = detect(make_data().write(tmp_path / "w"))
    assert found.duplicates.num_samples == found.duplicates.num_conflicting == found.duplicates.num_across_splits == 0
    assert "picture" not in notes_of(found)


def test_duplicates_are_counted_and_named(tmp_path: Path) -> None:
    data = make_data()
    data.copy(0, "other label", label=(data.given[0] + 1) % 6)
    data.copy(2, "in test", split="test", noise=0.05, label=data.given[2])
    data.copy(4, "in train", label=data.given[4])
    found = detect(data.write(tmp_path / "w"))
    assert (found.duplicates.num_samples, found.duplicates.num_pictures) == (6, 3)
    assert (found.duplicates.num_conflicting, found.duplicates.num_across_splits) == (1, 2)
    notes = notes_of(found)
    assert (
        "6 samples show a picture that another one shows, too (3 pictures; equal features, or a cosine of 0.99" in notes
    )
    assert "1 of these carry different labels, see the report" in notes
    assert (
        "2 samples have a duplicate in another of train, validation and test, as k2 (train) and in test (test)" in notes
    )
    assert found.duplicates.num_not_learned_from == 0


def test_a_corrected_label_contradicts_instead_of_the_given_one(tmp_path: Path) -> None:
    data = make_data()
    right, other = int(data.truth[0]), int(data.truth[0] + 1) % 6
    data.given[0] = right
    copy = data.copy(0, "copy", label=other)
    workspace = data.write(tmp_path / "w")
    assert [group.given_labels.tolist() for group in conflicts(labelled_of(workspace))] == [[right, other]]
    data.decide(workspace, copy, 0)  # found wrong: it contradicts nothing
    assert conflicts(labelled_of(workspace)) == []
    data.decide(workspace, copy, 0, right)
    assert conflicts(labelled_of(workspace)) == []
    data.decide(workspace, copy, 0, (right + 2) % 6)
    assert [group.given_labels.tolist() for group in conflicts(labelled_of(workspace))] == [[right, (right + 2) % 6]]
    data.decide(workspace, copy, -1)  # unsure counts as unverified
    assert [group.given_labels.tolist() for group in conflicts(labelled_of(workspace))] == [[right, other]]
    assert count_duplicates(labelled_of(workspace), 0.99).num_conflicting == 1


def test_a_training_label_whose_picture_is_measured_on_is_not_learned_from(tmp_path: Path) -> None:
    data = make_data()
    copy = data.copy(1, "t", split="test", noise=0.05)
    data.copy(3, "u", split="validation")  # nobody has checked this one: row 3 may be learned from
    data.check(copy, correct=-1)
    workspace = data.write(tmp_path / "w")
    labelled = labelled_of(workspace)
    learned = labelled.fit_arguments()["verification_labels"]
    assert isinstance(learned, np.ndarray)
    assert learned[1] == -1
    assert learned[3] == labelled.verification_labels[3] >= 0
    assert (learned >= 0).sum() == (labelled.verification_labels[:200] >= 0).sum() - 1
    found = detect(workspace)
    assert "1 verification labels of training samples are not learned from" in notes_of(found)


def test_rows_across_splits() -> None:
    group = np.array([0, -1, 0, 3, 3, 5, 5, 5])
    parts = split_parts(["train", "test", "extra", "train", "test", "validation", "validation", "test"])
    assert parts.tolist() == [0, 2, 0, 0, 2, 1, 1, 2]
    assert rows_across_splits(group, parts).tolist() == [3, 4, 5, 6, 7]
    assert rows_across_splits(np.full(3, -1), parts[:3]).tolist() == []


def test_a_plan_proposes_a_picture_once(tmp_path: Path) -> None:
    data = make_data()
    for i in range(30):
        data.copy(0, f"copy {i}")
    workspace = data.write(tmp_path / "w")
    detect(workspace)
    plan(workspace, budget=60)
    keys = [line.split(",")[0] for line in workspace.plan.read_text(encoding="utf-8").splitlines()[1:]]
    assert len(keys) == 60
    assert sum(key == "k0" or key.startswith("copy") for key in keys) <= 1


def test_held_out_scores_are_those_of_the_samples_they_name_when_test_samples_come_first(tmp_path: Path) -> None:
    data = make_data()
    last_first = np.roll(np.arange(ROWS), ROWS - TRAIN)
    verdicts = {int(np.flatnonzero(last_first == row)[0]): verdict for row, verdict in data.decisions.items()}
    data.values, data.given, data.truth = data.values[last_first], data.given[last_first], data.truth[last_first]
    data.keys, data.splits = [data.keys[i] for i in last_first], [data.splits[i] for i in last_first]
    data.decisions = verdicts
    workspace = data.write(tmp_path / "w")
    detect(workspace)
    report = evaluate_held_out(workspace, "0.3")
    assert report.samples
    scores = dict(zip(data.keys, read_scores(workspace.scores("filtering")).scores.score, strict=True))
    for sample in report.samples:
        # No verification label takes part in these scores, so that with all classes verified is the one in the table.
        assert sample.all_verified == pytest.approx(scores[data.keys[sample.row]], rel=1e-6)
