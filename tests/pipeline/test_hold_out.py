from __future__ import annotations

import numpy as np
import pytest

from noisette.errors import InvalidInputError, NotVerifiedError
from noisette.pipeline.hold_out import HeldOut, held_out
from noisette.pipeline.status import workspace_status
from noisette.pipeline.train import train
from noisette.pipeline.train_labels import evaluation_labels, training_labels
from noisette.pipeline.workspace import Workspace, with_settings
from noisette.store import read_samples, read_table, write_samples, write_table
from noisette.types import SampleTable
from tests.pipeline.conftest import forget_decisions
from tests.pipeline.test_train_labels import decide
from tests.pipeline.train_data import scored, scored_root

__all__ = ["scored", "scored_root"]


def of(opened: Workspace, share: float, **options: object) -> HeldOut:
    opened = with_settings(opened, train={"hold_out": share} | options)
    return held_out(opened, read_samples(opened.samples))


def verified_keys(opened: Workspace) -> set[str]:
    """Keys of the training samples that people found correct."""
    with opened.reviews() as store:
        return {key for (split, key), one in store.latest().items() if split == "train" and one.verification_label == 1}


def pretend_copies(opened: Workspace, *groups: tuple[int, ...]) -> None:
    """Let `detect` have found that these rows show one picture."""
    columns = dict(read_table(opened.duplicates))
    found = np.full(len(columns["key"]), -1, dtype=np.int32)
    for number, rows in enumerate(groups):
        found[list(rows)] = number
    write_table(opened.duplicates, columns | {"duplicate_group": found})


def test_nothing_is_held_out_unless_it_is_asked_for(scored: Workspace) -> None:
    found = of(scored, 0.0)
    assert (found.rows.size, found.excluded.size) == (0, 0)
    samples = read_samples(scored.samples)
    assert [one.split for one in evaluation_labels(scored, samples)] == ["validation", "test"]


def test_verified_samples_are_measured_on_and_not_learned_from(scored: Workspace) -> None:
    pretend_copies(scored)
    samples, known = read_samples(scored.samples), verified_keys(scored)
    everything = of(scored, 1.0)
    assert {samples.keys[row] for row in everything.rows} == known
    np.testing.assert_array_equal(everything.labels, samples.given_labels[everything.rows])
    opened = with_settings(scored, train={"hold_out": 0.4, "weights": "none"})
    rest, part = training_labels(opened, samples), evaluation_labels(opened, samples)[-1]
    assert (part.split, part.kind) == ("held-out", "verified")
    assert 0 < part.rows.size < len(known)
    assert not set(part.rows) & set(rest.rows)
    assert part.rows.size + rest.rows.size == 60
    assert rest.num_left_out == part.rows.size


def test_the_named_class_counts_and_a_wrong_label_without_one_is_learned_as_ever(scored: Workspace) -> None:
    samples = read_samples(scored.samples)
    before = set(of(scored, 1.0).rows.tolist())
    row = next(row for row in range(60) if row not in before)
    decide(scored, {("train", samples.keys[row]): (0, (int(samples.given_labels[row]) + 1) % 3)})
    found = of(scored, 1.0)
    assert set(found.rows.tolist()) == before | {row}
    assert found.labels[found.rows == row] == (samples.given_labels[row] + 1) % 3
    decide(scored, {("train", samples.keys[row]): (0, -1)})
    assert set(of(scored, 1.0).rows.tolist()) == before


def test_a_sample_stays_held_out_when_more_are_verified_and_more_are_held_out(scored: Workspace) -> None:
    pretend_copies(scored)
    samples = read_samples(scored.samples)
    few, more = (set(of(scored, share).rows.tolist()) for share in (0.3, 0.7))
    assert few < more
    decide(scored, {("train", samples.keys[row]): (1, -1) for row in range(60)})
    later = set(of(scored, 0.3).rows.tolist())
    assert few < later
    reordered = SampleTable(
        samples.splits[::-1], samples.keys[::-1], samples.uris[::-1], samples.given_labels[::-1].copy()
    )
    write_samples(scored.samples, reordered)
    assert {reordered.keys[row] for row in of(scored, 0.3).rows} == {samples.keys[row] for row in later}
    other = with_settings(scored, project={"random_state": 1})
    assert {reordered.keys[row] for row in of(other, 0.3).rows} != {samples.keys[row] for row in later}


def test_copies_are_held_out_together_and_those_that_nobody_verified_are_left_out(scored: Workspace) -> None:
    pretend_copies(scored)
    samples, share = read_samples(scored.samples), 0.5
    decide(scored, {("train", samples.keys[row]): (1, -1) for row in range(60)})
    chosen = set(of(scored, share).rows.tolist())
    inside = min(chosen)
    after = next(row for row in range(inside + 1, 60) if row not in chosen)
    table = read_table(scored.duplicates)
    place = {key: number for number, (split, key) in enumerate(zip(table["split"], table["key"], strict=True))
             if split == "train"}  # fmt: skip
    pretend_copies(scored, (place[samples.keys[inside]], place[samples.keys[after]]))
    found = of(scored, share)
    assert set(found.rows.tolist()) == chosen | {after}
    assert found.copies.size == 0
    forget_decisions(scored)
    decide(scored, {("train", samples.keys[row]): (1, -1) for row in range(60) if row != after})
    found = of(scored, share)
    assert (set(found.rows.tolist()), found.copies.tolist()) == (chosen, [after])
    assert (
        after not in training_labels(with_settings(scored, train={"hold_out": share, "weights": "none"}), samples).rows
    )


def test_weights_that_have_seen_the_labels_say_so(scored: Workspace) -> None:
    samples = read_samples(scored.samples)

    def notes(kind: str) -> str:
        return " ".join(training_labels(with_settings(scored, train={"hold_out": 0.4, "weights": kind}), samples).notes)

    for kind in ("soft", "hard", "corrected"):
        assert "the weights have seen the verification labels" in notes(kind)
    for kind in ("none", "verified"):
        assert "have seen" not in notes(kind)


def test_a_share_that_holds_nothing_says_so(scored: Workspace) -> None:
    pretend_copies(scored)
    with pytest.raises(InvalidInputError, match=r"`hold_out` 1e-09 of \d+ verified samples is none of them; take a la"):
        of(scored, 1e-9)
    everything = with_settings(scored, train={"hold_out": 1.0, "weights": "verified"})
    with pytest.raises(InvalidInputError, match="no sample is left to train on"):
        training_labels(everything, read_samples(scored.samples))
    forget_decisions(scored)
    with pytest.raises(NotVerifiedError, match=r"`hold_out` 0\.2 needs samples of training splits that people"):
        of(scored, 0.2)


def test_the_classifier_is_measured_on_them_after_every_epoch(scored: Workspace) -> None:
    pretend_copies(scored)
    samples = read_samples(scored.samples)
    train_only = [row for row in range(len(samples)) if samples.splits[row] == "train"]
    write_samples(scored.samples, SampleTable(
        [samples.splits[row] for row in train_only], [samples.keys[row] for row in train_only],
        [samples.uris[row] for row in train_only], samples.given_labels[train_only],
    ))  # fmt: skip
    opened = with_settings(scored, train={"hold_out": 0.4, "weights": "none"})
    done = train(opened, num_workers=0)
    assert list(done.facts.evaluation) == ["held-out"]
    numbers = done.facts.evaluation["held-out"]["verified"]
    assert numbers["num_samples"] == 60 - done.facts.num_samples
    assert [one["metrics"]["num_samples"] for one in done.facts.history] == [numbers["num_samples"]] * 2
    assert done.facts.history[-1]["metrics"] == numbers
    assert (done.path / "confusion-held-out-verified.csv").exists()
    assert train(opened, num_workers=0).was_current


def test_other_decisions_make_it_stale_and_a_classifier_that_knew_them_is_named(scored: Workspace) -> None:
    samples = read_samples(scored.samples)
    opened = with_settings(scored, train={"hold_out": 0.4, "weights": "none", "epochs": 1})
    train(with_settings(opened, train={"hold_out": 0.0}), name="knew", num_workers=0)
    onwards = {"backbone": "knew", "image_size": 0}
    second = train(with_settings(opened, train=onwards), name="second", num_workers=0)
    assert any("knew, which training goes on from, may have learned from" in note for note in second.facts.notes)
    third = train(with_settings(opened, train=onwards | {"backbone": "second"}), name="third", num_workers=0)
    assert any("second, which training goes on from, may have learned from" in note for note in third.facts.notes)
    decide(scored, {("train", samples.keys[1]): (1, -1)})
    found = {model.path: model.state for model in workspace_status(scored).models}
    assert (found["models/knew"], found["models/second"]) == ("current", "stale")


def test_a_classifier_knows_what_was_verified_after_it_was_trained(scored: Workspace) -> None:
    samples = read_samples(scored.samples)
    opened = with_settings(scored, train={"hold_out": 0.4, "weights": "none", "epochs": 1})
    train(opened, name="first", num_workers=0)
    onwards = with_settings(opened, train={"backbone": "first", "image_size": 0})
    assert not any("goes on from" in note for note in train(onwards, name="next", num_workers=0).facts.notes)
    decide(scored, {("train", samples.keys[1]): (1, -1)})
    notes = train(onwards, name="next", num_workers=0).facts.notes
    assert any("first, which training goes on from, may have learned from these" in note for note in notes)
