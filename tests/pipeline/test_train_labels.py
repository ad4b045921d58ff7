from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from noisette.errors import InvalidInputError, NotVerifiedError, WorkspaceError
from noisette.pipeline.detect import detect
from noisette.pipeline.score_tables import ScoreTable, read_scores
from noisette.pipeline.train_labels import TrainingLabels, evaluation_labels, training_labels
from noisette.pipeline.workspace import Workspace, with_settings
from noisette.store import read_samples, write_samples
from noisette.types import BoolArray, Review, SampleTable
from tests.pipeline.conftest import forget_decisions
from tests.pipeline.train_data import scored, scored_root

__all__ = ["scored", "scored_root"]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def chosen(opened: Workspace, kind: str, **options: object) -> TrainingLabels:
    opened = with_settings(opened, train={"weights": kind} | options)
    return training_labels(opened, read_samples(opened.samples))


def of_training(opened: Workspace) -> tuple[ScoreTable, BoolArray]:
    table = read_scores(opened.scores("average"))
    return table, np.array(table.splits) == "train"


def decide(opened: Workspace, decisions: dict[tuple[str, str], tuple[int, int]]) -> None:
    """Add decisions: (split, key) -> (verification label, correct label)."""
    samples = read_samples(opened.samples)
    rows = samples.positions()
    with opened.reviews() as store:
        store.append(
            [
                Review(
                    key=key,
                    given_label=int(samples.given_labels[rows[split, key]]),
                    verification_label=verdict,
                    time=NOW,
                    split=split,
                    correct_label=correct,
                )
                for (split, key), (verdict, correct) in decisions.items()
            ]
        )


def test_soft_and_hard_weights_are_those_of_the_table(scored: Workspace) -> None:
    table, rows = of_training(scored)
    assert 0 < table.scores.is_label_issue[rows].sum() < 30
    soft, hard, none = (chosen(scored, kind) for kind in ("soft", "hard", "none"))
    np.testing.assert_array_equal(soft.weights, table.scores.sample_weight[rows])
    np.testing.assert_array_equal(hard.weights, (~table.scores.is_label_issue[rows]).astype(float))
    np.testing.assert_array_equal(none.weights, np.ones(60))
    for found in (soft, hard, none):
        assert (found.num_changed, found.num_left_out) == (0, 0)
        np.testing.assert_array_equal(found.labels, table.scores.given_label[rows])


def test_flagged_samples_are_dropped_or_corrected_as_export_does(scored: Workspace) -> None:
    table, rows = of_training(scored)
    flagged = table.scores.is_label_issue & rows
    dropped = chosen(scored, "drop")
    assert (dropped.rows.size, dropped.num_left_out) == (60 - flagged.sum(), flagged.sum())
    assert not np.isin(np.flatnonzero(flagged), dropped.rows).any()
    assert set(dropped.weights.tolist()) == {1.0}
    scores = table.scores
    likely = flagged & (scores.suggested_label >= 0) & (scores.suggested_label != scores.given_label)
    likely &= scores.suggested_probability >= 0.5
    corrected, soft = chosen(scored, "corrected"), chosen(scored, "corrected-soft")
    assert corrected.num_changed == likely.sum() > 0
    changed = np.flatnonzero(corrected.labels != read_samples(scored.samples).given_labels[corrected.rows])
    np.testing.assert_array_equal(corrected.labels[changed], scores.suggested_label[corrected.rows[changed]])
    np.testing.assert_array_equal(soft.weights[changed], scores.suggested_probability[soft.rows[changed]])
    assert set(corrected.weights.tolist()) == {1.0}
    assert chosen(scored, "corrected", relabel_above=1.0).num_changed <= corrected.num_changed


def test_decisions_come_first_also_younger_ones(scored: Workspace) -> None:
    samples = read_samples(scored.samples)
    unchecked = [key for number, key in enumerate(samples.keys[:60]) if number % 2]
    right, corrected, wrong, hopeless = unchecked[:4]
    labels = samples.positions()
    other = (int(samples.given_labels[labels["train", corrected]]) + 1) % 3
    verdicts = {right: (1, -1), corrected: (0, other), wrong: (0, -1), hopeless: (0, -2)}
    decide(scored, {("train", key): verdict for key, verdict in verdicts.items()})
    for kind in ("soft", "hard"):
        found = chosen(scored, kind)
        at = {key: int(np.flatnonzero(found.rows == labels["train", key])[0]) for key in verdicts}
        assert found.weights[at[right]] >= 1
        assert (found.labels[at[corrected]], found.weights[at[corrected]]) == (other, 1.0)
        assert found.weights[[at[wrong], at[hopeless]]].tolist() == [0.0, 0.0]
        assert found.num_changed == 1
        assert any("older than today's decisions" in note for note in found.notes)
    dropped = chosen(scored, "drop")
    assert not np.isin([labels["train", key] for key in (wrong, hopeless)], dropped.rows).any()
    assert chosen(scored, "none").num_changed == 0


def test_only_labels_that_people_know_are_learned_from(scored: Workspace) -> None:
    samples = read_samples(scored.samples)
    places = samples.positions()
    unchecked = [key for number, key in enumerate(samples.keys[:60]) if number % 2]
    corrected, wrong, hopeless, unsure = unchecked[:4]
    other = (int(samples.given_labels[places["train", corrected]]) + 1) % 3
    verdicts = {corrected: (0, other), wrong: (0, -1), hopeless: (0, -2), unsure: (-1, -1)}
    tested = next(key for key, split in zip(samples.keys, samples.splits, strict=True) if split == "test")
    decide(scored, {("train", key): verdict for key, verdict in verdicts.items()} | {("test", tested): (1, -1)})
    with scored.reviews() as reviews:
        correct = [identity for identity, one in reviews.latest().items() if one.verification_label == 1]
    expected = sorted(places[one] for one in [*correct, ("train", corrected)] if one[0] == "train")
    found = chosen(scored, "verified")
    assert 5 < len(expected) < 40
    assert found.rows.tolist() == expected
    assert set(found.weights.tolist()) == {1.0}
    assert found.labels[found.rows == places["train", corrected]].tolist() == [other]
    assert (found.num_changed, found.num_left_out, found.notes) == (1, 60 - len(expected), ())


def test_without_such_a_label_the_remedy_is_named(scored: Workspace) -> None:
    forget_decisions(scored)
    with pytest.raises(NotVerifiedError, match=r"verified needs samples .*; check some with `noisette review`"):
        chosen(scored, "verified")
    first = read_samples(scored.samples).keys[0]
    decide(scored, {("train", first): (1, -1)})
    found = chosen(scored, "verified")
    assert found.rows.size == 1
    assert found.notes == ("2 classes have no such sample: what the classifier knew of them may be lost",)


def test_verified_labels_of_evaluation_splits_are_a_kind_of_their_own(scored: Workspace) -> None:
    samples = read_samples(scored.samples)
    keys = [key for key, split in zip(samples.keys, samples.splits, strict=True) if split == "test"]
    given = samples.given_labels[samples.positions()["test", keys[1]]]
    verdicts = {keys[0]: (1, -1), keys[1]: (0, (int(given) + 1) % 3), keys[2]: (0, -1), keys[3]: (0, -2)}
    decide(scored, {("test", key): verdict for key, verdict in verdicts.items()})
    found = {(one.split, one.kind): one for one in evaluation_labels(scored, samples)}
    assert [(*name, one.rows.size) for name, one in found.items()] == [
        ("validation", "given", 18),
        ("test", "given", 18),
        ("test", "verified", 2),
    ]
    verified = found["test", "verified"]
    assert [samples.keys[row] for row in verified.rows] == keys[:2]
    assert verified.labels.tolist() == [samples.given_labels[verified.rows[0]], (given + 1) % 3]


def test_hard_weights_are_not_taken_for_soft_ones(scored: Workspace) -> None:
    detect(with_settings(scored, detect={"weights": "hard"}))
    with pytest.raises(InvalidInputError, match="`weights` soft needs soft weights, and average was run with hard"):
        chosen(scored, "soft")
    assert set(chosen(scored, "hard").weights.tolist()) == {0.0, 1.0}


def test_scores_of_other_labels_are_refused(scored: Workspace) -> None:
    samples = read_samples(scored.samples)
    labels = (samples.given_labels + 1) % 3
    write_samples(scored.samples, SampleTable(samples.splits, samples.keys, samples.uris, labels))
    with pytest.raises(WorkspaceError, match="96 given labels have changed since they were scored"):
        chosen(scored, "soft")


def test_a_verifier_that_was_not_run_is_named(scored: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="run `noisette detect --verifier knn` first"):
        chosen(scored, "soft", verifier="knn")


def test_samples_without_a_score_are_left_out_and_counted(scored: Workspace) -> None:
    samples = read_samples(scored.samples)
    more = SampleTable(
        ["train", *samples.splits], ["new.png", *samples.keys], ["x", *samples.uris], np.r_[0, samples.given_labels]
    )
    write_samples(scored.samples, more)
    found = chosen(scored, "soft")
    assert (found.rows.size, found.num_left_out, found.rows.min()) == (60, 1, 1)
    assert "1 samples have no score and are left out" in found.notes
