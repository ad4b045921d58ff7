from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from noisette.errors import InvalidInputError, NotVerifiedError, UnknownClassError
from noisette.verifier.base import Verifier
from noisette.verifier.baselines.average import AverageVerifier
from noisette.verifier.baselines.knn import KNNVerifier
from noisette.verifier.baselines.naive import NaiveVerifier
from noisette.verifier.cleannet.verifier import CleanNetVerifier
from noisette.verifier.held_out import HeldOutReport, held_out_classes, held_out_table
from noisette.verifier.inputs import TrainingData
from tests.contracts.verifier_problems import K, Problem, make_problem

MAKERS: dict[str, Callable[[], Verifier]] = {"naive": NaiveVerifier, "mean": AverageVerifier, "knn": KNNVerifier}


@pytest.fixture
def problem() -> Problem:
    return make_problem(verified_classes=6)


def run(problem: Problem, held_out: Any, verifiers: Any = None, **options: Any) -> HeldOutReport:
    return held_out_classes(problem.features, problem.given, problem.verified, held_out, verifiers or MAKERS, **options)


def fitted_on(monkeypatch: pytest.MonkeyPatch) -> list[TrainingData]:
    """Record what every verifier is fitted on."""
    seen: list[TrainingData] = []
    fit = Verifier._fit

    def spy(self: Verifier, data: TrainingData) -> Verifier:
        seen.append(data)
        return fit(self, data)

    monkeypatch.setattr(Verifier, "_fit", spy)
    return seen


def test_no_label_of_a_held_out_class_is_used(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = fitted_on(monkeypatch)
    run(problem, [4, 5], correct_labels=problem.correct)
    assert len(seen) == 3
    for data in seen:
        assert not np.isin(data.given_labels[data.verified_rows], [4, 5]).any()
        assert not np.isin(data.correct_labels, [4, 5]).any()
        assert np.isin(data.correct_labels, [0, 1]).any()


def test_labels_set_aside_measure_inside_and_all_others_are_used(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = fitted_on(monkeypatch)
    report = run(problem, [4, 5], test_share=0.25)
    labelled = problem.verified >= 0
    outside = labelled & (problem.given >= 4)
    assert report.held_out == (4, 5)
    assert report.rows[0].outside.num_rows == outside.sum()
    rest = (labelled & ~outside).sum()
    assert report.rows[0].inside.num_rows == pytest.approx(rest / 4, abs=1)
    assert seen[0].verified_rows.size + report.rows[0].inside.num_rows == rest


def test_copies_of_what_is_measured_on_are_not_learned_from(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = fitted_on(monkeypatch)
    labelled = np.flatnonzero(problem.verified >= 0)
    outside = labelled[problem.given[labelled] >= 4]
    rest = labelled[problem.given[labelled] < 4]
    groups = np.full(problem.given.size, -1)
    groups[outside[:10]] = groups[rest[:10]] = np.arange(10)  # pictures that a held-out class shares with others
    groups[rest[10:40]] = 10 + np.arange(30) // 2  # pairs
    run(problem, [4, 5], {"mean": AverageVerifier}, duplicate_groups=groups)
    learned = seen[0].verified_rows
    assert not np.isin(rest[:10], learned).any()
    pairs = np.isin(rest[10:40], learned).reshape(15, 2)
    assert (pairs[:, 0] == pairs[:, 1]).all()
    assert 0 < pairs[:, 0].sum() < 15


def test_error_reduced_is_measured_against_the_best_weakly_supervised_verifier(problem: Problem) -> None:
    report = run(problem, [4, 5])
    naive, mean, knn = report.rows
    assert mean.error_reduced == 0  # the only weak one: naive does not count
    weak = mean.outside.average_error
    for row in (naive, knn):
        assert row.error_reduced == pytest.approx(100 * (weak - row.outside.average_error) / weak)
    assert naive.error_reduced < 0


def test_without_a_weakly_supervised_verifier_nothing_is_compared(problem: Problem) -> None:
    report = run(problem, [4, 5], {"knn": KNNVerifier})
    assert math.isnan(report.rows[0].error_reduced)
    assert held_out_table(report).splitlines()[2].rstrip().endswith("-")


def test_a_number_of_classes_is_drawn_by_seed(problem: Problem) -> None:
    drawn = {run(problem, 2, {"mean": AverageVerifier}, random_state=seed).held_out for seed in range(6)}
    assert len(drawn) > 1
    assert all(len(classes) == 2 for classes in drawn)
    assert run(problem, 2, random_state=3) == run(problem, 2, random_state=3)


def test_samples_are_scored_with_their_class_verified_and_held_out(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = fitted_on(monkeypatch)
    rows = np.flatnonzero((problem.given == 5) & (problem.verified >= 0))[:2].tolist()
    report = run(problem, [5], {"knn": KNNVerifier}, sample_rows=rows)
    part, everything = seen
    assert (part.given_labels[part.verified_rows] != 5).all()
    assert (everything.given_labels[everything.verified_rows] == 5).any()
    assert (everything.verification_labels[rows] == -1).all()  # a sample's own label is never used
    assert [sample.row for sample in report.samples] == rows
    assert any(sample.all_verified != sample.class_held_out for sample in report.samples)


def test_cleannet_is_measured_at_the_published_thresholds_too(problem: Problem) -> None:
    recipe = {"num_steps": 10, "warmup_steps": 2, "validation_interval": 10}
    makers = {"average": AverageVerifier, "ours": lambda: CleanNetVerifier(num_references=4, recipe=recipe)}
    report = run(problem, [4, 5], makers)
    assert [row.name for row in report.rows] == ["average", "ours", "ours at 0.1", "ours at 0.2"]
    assert [row.outside.threshold for row in report.rows[2:]] == [0.1, 0.2]
    assert len({row.outside.auroc for row in report.rows[1:]}) == 1


def test_the_table_names_every_verifier(problem: Problem) -> None:
    lines = held_out_table(run(problem, [4, 5])).splitlines()
    assert lines[1].split() == ["error", "AUROC", "error", "AUROC", "reduced"]
    assert [line.split()[0] for line in lines[2:]] == ["naive", "mean", "knn"]
    assert lines[3].endswith("+0.0 %")


@pytest.mark.parametrize("held_out", [[K], [-1]])
def test_a_class_that_does_not_exist(problem: Problem, held_out: list[int]) -> None:
    with pytest.raises(UnknownClassError, match=rf"`held_out` must hold class ids in 0\.\.5, got {held_out[0]}"):
        run(problem, held_out)


@pytest.mark.parametrize("number", [0, 6, -2])
def test_a_number_of_classes_out_of_range(problem: Problem, number: int) -> None:
    with pytest.raises(InvalidInputError, match=f"`held_out` must leave some of the 6 verified classes .*got {number}"):
        run(problem, number)


def test_nothing_left_to_learn_from(problem: Problem) -> None:
    with pytest.raises(NotVerifiedError, match="0 verification labels are left outside the held-out classes"):
        run(problem, list(range(K)))


def test_nothing_to_measure_on() -> None:
    problem = make_problem(verified_classes=4)
    with pytest.raises(NotVerifiedError, match="`held_out` names no class with verification labels"):
        run(problem, [5])


def test_other_arguments(problem: Problem) -> None:
    with pytest.raises(InvalidInputError, match=r"`test_share` must lie between 0 and 1, got 1\.0"):
        run(problem, [5], test_share=1.0)
    with pytest.raises(InvalidInputError, match="`sample_rows` must hold row numbers"):
        run(problem, [5], sample_rows=[10_000])
    with pytest.raises(InvalidInputError, match="`verifiers` must name at least one"):
        held_out_classes(problem.features, problem.given, problem.verified, [5], {})
