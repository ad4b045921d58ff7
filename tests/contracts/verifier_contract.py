"""The suite that every verifier passes. A test module subclasses it and says how to make the verifier."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from noisette.errors import InvalidInputError, NotFittedError, NotVerifiedError, ShapeError, UnknownClassError
from noisette.functional.detection_metrics import auroc
from noisette.types import ArrayTable, Float64Array
from noisette.verifier.base import Verifier
from noisette.verifier.saving import load_verifier
from tests.contracts.verifier_problems import D, K, Problem, make_noise, make_problem


class VerifierContract:
    """Subclass it, and give `make`."""

    def make(self, **settings: Any) -> Verifier:
        """Give an unfitted verifier with settings small enough for a test."""
        raise NotImplementedError

    @pytest.fixture
    def problem(self) -> Problem:
        return make_problem()

    def fitted(self, problem: Problem, **settings: Any) -> Verifier:
        return self.make(**settings).fit(problem.features, problem.given, problem.verified)

    def scores(self, problem: Problem, **settings: Any) -> Float64Array:
        return self.fitted(problem, **settings).score_samples(problem.features, problem.given)

    # -- shapes, types, ranges ----------------------------------------------------------------------------------------

    def test_outputs_have_the_shapes_types_and_ranges_of_the_contract(self, problem: Problem) -> None:
        verifier, size = self.fitted(problem), problem.given.size
        query = problem.features, problem.given
        scores = verifier.score_samples(*query)
        assert scores.shape == (size,)
        assert scores.dtype == np.float64
        assert np.isfinite(scores).all()
        quality = verifier.label_quality(*query)
        assert quality.shape == (size,)
        assert ((quality >= 0) & (quality <= 1)).all()
        verdict = verifier.predict(*query)
        assert verdict.dtype == np.bool_
        assert verifier.rules.threshold is not None
        np.testing.assert_array_equal(verdict, scores >= verifier.rules.threshold)
        proba = verifier.predict_proba(*query)
        np.testing.assert_array_equal(verifier.classes_, [0, 1])
        np.testing.assert_array_equal(proba, np.column_stack([1 - quality, quality]))

    def test_quality_never_changes_the_ranking(self, problem: Problem) -> None:
        verifier = self.fitted(problem)
        order = np.argsort(verifier.score_samples(problem.features, problem.given), kind="stable")
        assert (np.diff(verifier.label_quality(problem.features, problem.given)[order]) >= 0).all()

    def test_weights_are_not_negative_and_hard_ones_are_the_verdict(self, problem: Problem) -> None:
        verifier = self.fitted(problem)
        assert (verifier.sample_weight(problem.features, problem.given) >= 0).all()
        hard = verifier.sample_weight(problem.features, problem.given, kind="hard")
        np.testing.assert_array_equal(hard, verifier.predict(problem.features, problem.given))
        with pytest.raises(InvalidInputError, match="`kind` must be 'soft' or 'hard', got 'mild'"):
            verifier.sample_weight(problem.features, problem.given, kind="mild")  # type: ignore[arg-type]

    def test_suggestions_are_classes_or_none_of_them_with_probabilities(self, problem: Problem) -> None:
        labels, chance = self.fitted(problem).suggest_labels(problem.features, problem.given)
        assert labels.dtype == np.int64
        assert np.isin(labels, [-2, *range(K)]).all()
        assert ((chance >= 0) & (chance <= 1)).all()

    def test_no_rows_give_no_scores(self, problem: Problem) -> None:
        verifier = self.fitted(problem)
        assert verifier.score_samples(np.empty((0, D)), []).shape == (0,)
        assert verifier.suggest_labels(np.empty((0, D)), [])[0].shape == (0,)

    # -- equal inputs, equal outputs ----------------------------------------------------------------------------------

    @pytest.mark.parametrize("dtype", [np.float16, np.float64])
    def test_float_types_give_what_float32_gives(self, problem: Problem, dtype: type[np.floating[Any]]) -> None:
        short = problem.features.astype(np.float16)
        expected = self.make().fit(short.astype(np.float32), problem.given, problem.verified)
        got = self.make().fit(short.astype(dtype), problem.given, problem.verified)
        np.testing.assert_array_equal(
            got.score_samples(short.astype(dtype), problem.given),
            expected.score_samples(short.astype(np.float32), problem.given),
        )

    def test_torch_tensors_and_tables_give_what_arrays_give(self, problem: Problem) -> None:
        expected = self.scores(problem)
        arrays = problem.features, problem.given, problem.verified
        tensors = [torch.from_numpy(array) for array in arrays]
        got = self.make().fit(*tensors).score_samples(*tensors[:2])
        assert isinstance(got, np.ndarray)
        np.testing.assert_array_equal(got, expected)
        table = ArrayTable(problem.features)
        got = self.make().fit(table, *arrays[1:]).score_samples(table, problem.given)
        np.testing.assert_array_equal(got, expected)

    def test_scores_do_not_depend_on_the_batch_they_are_in(
        self, problem: Problem, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        verifier = self.fitted(problem)
        expected = verifier.score_samples(problem.features, problem.given)
        monkeypatch.setattr("noisette.verifier.inputs.batch_rows", lambda _: 7)
        got = verifier.score_samples(problem.features, problem.given)
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)

    def test_scores_follow_the_order_of_the_rows(self, problem: Problem) -> None:
        verifier = self.fitted(problem)
        order = np.random.default_rng(1).permutation(problem.given.size)
        expected = verifier.score_samples(problem.features, problem.given)[order]
        got = verifier.score_samples(problem.features[order], problem.given[order])
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)

    def test_the_seed_alone_decides(self, problem: Problem) -> None:
        np.random.seed(1)  # noqa: NPY002 - the global state must not matter
        torch.manual_seed(1)
        first = self.scores(problem, random_state=3)
        np.random.seed(2)  # noqa: NPY002
        torch.manual_seed(2)
        before = torch.random.get_rng_state()
        np.testing.assert_array_equal(self.scores(problem, random_state=3), first)
        assert torch.equal(torch.random.get_rng_state(), before)

    def test_fit_leaves_its_arguments_alone(self, problem: Problem) -> None:
        arrays = [problem.features.copy(), problem.given.copy(), problem.verified.copy()]
        self.make().fit(*arrays).score_samples(*arrays[:2])
        for array, kept in zip(arrays, (problem.features, problem.given, problem.verified), strict=True):
            np.testing.assert_array_equal(array, kept)

    def test_a_saved_verifier_gives_the_same_answers(self, problem: Problem, tmp_path: Path) -> None:
        verifier = self.fitted(problem)
        verifier.save(tmp_path / "verifier")
        loaded = load_verifier(tmp_path / "verifier")
        assert type(loaded) is type(verifier)
        assert loaded.settings() == verifier.settings()
        assert loaded.rules == verifier.rules
        query = problem.features, problem.given
        np.testing.assert_array_equal(loaded.score_samples(*query), verifier.score_samples(*query))
        for got, expected in zip(loaded.suggest_labels(*query), verifier.suggest_labels(*query), strict=True):
            np.testing.assert_array_equal(got, expected)

    def test_saving_the_same_fit_gives_the_same_bytes(self, problem: Problem, tmp_path: Path) -> None:
        for name in ("one", "two"):
            self.fitted(problem).save(tmp_path / name)
        for file in sorted((tmp_path / "one").iterdir()):
            assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()

    # -- out of sample ------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("num_classes", [3, 6])  # rows left out, and classes left out
    def test_pure_noise_is_scored_no_better_than_chance(self, num_classes: int) -> None:
        noise = make_noise(600, num_classes, seed=7)
        assert auroc(self.scores(noise), noise.verified) == pytest.approx(0.5, abs=0.1)

    @pytest.mark.parametrize("num_classes", [3, 6])
    def test_copies_of_a_row_do_not_give_its_label_away(self, num_classes: int) -> None:
        once = make_noise(300, num_classes, seed=8)
        twice = Problem(*(np.concatenate([a, a]) for a in (once.features, once.given, once.truth, once.verified)))
        assert auroc(self.scores(twice), twice.verified) == pytest.approx(0.5, abs=0.12)

    @pytest.mark.parametrize("num_classes", [3, 6])
    def test_a_row_verified_under_two_labels_does_not_give_itself_away(self, num_classes: int) -> None:
        once = make_noise(300, num_classes, seed=9)
        both = Problem(
            np.concatenate([once.features, once.features]),
            np.concatenate([once.given, (once.given + 1) % num_classes]),
            np.concatenate([once.truth, once.truth]),
            np.concatenate([once.verified, 1 - once.verified]),
        )
        scores = self.scores(both)
        for part in (slice(0, 300), slice(300, 600)):
            assert auroc(scores[part], both.verified[part]) == pytest.approx(0.5, abs=0.12)

    # -- few labels ---------------------------------------------------------------------------------------------------

    def test_without_verification_labels_there_are_scores_or_an_error_with_a_remedy(self, problem: Problem) -> None:
        verifier = self.make().fit(problem.features, problem.given)
        query = problem.features, problem.given
        if verifier.needs_verification:
            with pytest.raises(NotVerifiedError, match=r"needs verification labels .*; verify some"):
                verifier.score_samples(*query)
            return
        assert np.isfinite(verifier.score_samples(*query)).all()
        for method in (verifier.label_quality, verifier.predict):
            with suppress(NotVerifiedError):  # the method has a ranking only
                assert np.isfinite(method(*query)).all()

    @pytest.mark.parametrize("kind", [0, 1])
    def test_labels_of_one_kind_only(self, problem: Problem, kind: int) -> None:
        verified = np.where(problem.verified == kind, kind, -1)
        verifier = self.make().fit(problem.features, problem.given, verified)
        assert np.isfinite(verifier.score_samples(problem.features, problem.given)).all()
        if verifier._natural_quality(np.zeros(1)) is None:
            with pytest.raises(NotVerifiedError, match="of both kinds"):
                verifier.label_quality(problem.features, problem.given)
        else:
            assert np.isfinite(verifier.label_quality(problem.features, problem.given)).all()

    @pytest.mark.parametrize("verified_classes", [1, 2])
    def test_few_verified_classes(self, verified_classes: int) -> None:
        problem = make_problem(verified_classes=verified_classes)
        assert np.isfinite(self.scores(problem)).all()

    @pytest.mark.parametrize("label", [-1, 0, 1])
    def test_one_sample(self, label: int) -> None:
        verifier = self.make().fit(np.ones((1, D)), [0], [label])
        if label == -1 and verifier.needs_verification:
            return
        assert verifier.score_samples(np.ones((1, D)), [0]).shape == (1,)
        assert verifier.score_samples(np.zeros((1, D)), [0]).shape == (1,)

    def test_one_label_of_each_kind(self, problem: Problem) -> None:
        verified = np.full(problem.given.size, -1)
        verified[np.flatnonzero(problem.verified == 0)[:1]] = 0
        verified[np.flatnonzero(problem.verified == 1)[:1]] = 1
        verifier = self.make().fit(problem.features, problem.given, verified)
        assert np.isfinite(verifier.score_samples(problem.features, problem.given)).all()

    def test_a_class_of_one_sample(self, problem: Problem) -> None:
        features = np.concatenate([problem.features, np.full((1, D), 0.5, np.float32)])
        given, verified = np.append(problem.given, K), np.append(problem.verified, -1)
        verifier = self.make().fit(features, given, verified)
        assert np.isfinite(verifier.score_samples(features, given)).all()
        assert np.isfinite(verifier.suggest_labels(features, given)[1]).all()

    def test_a_class_without_samples_is_never_suggested_and_cannot_be_scored(self, problem: Problem) -> None:
        names = [*"abcdef", "empty"]
        verifier = self.make().fit(problem.features, problem.given, problem.verified, class_names=names)
        assert verifier.class_names == tuple(names)
        assert K not in verifier.suggest_labels(problem.features, problem.given)[0]
        with pytest.raises(UnknownClassError, match="names class 'empty' at position 0, which had no samples"):
            verifier.score_samples(problem.features[:1], [K])

    def test_right_classes_of_wrong_labels_are_learned_from(self, problem: Problem) -> None:
        args = problem.features, problem.given, problem.verified
        none = self.make().fit(*args, correct_labels=np.where(problem.verified == 0, -2, -1))
        some = self.make().fit(*args, correct_labels=problem.correct)
        assert none.rules.relabel.none_rate > 0.9
        assert some.rules.relabel.none_rate == 0
        assert np.isfinite(some.score_samples(problem.features, problem.given)).all()

    def test_a_right_class_without_samples_is_no_obstacle(self, problem: Problem) -> None:
        correct = np.where(problem.verified == 0, K, -1)
        verifier = self.make()
        verifier.fit(
            problem.features, problem.given, problem.verified, correct_labels=correct, class_names=[*"abcdefg"]
        )
        assert np.isfinite(verifier.score_samples(problem.features, problem.given)).all()
        assert K not in verifier.suggest_labels(problem.features, problem.given)[0]

    def test_constant_features(self, problem: Problem) -> None:
        ones = np.ones_like(problem.features)
        assert np.isfinite(self.scores(Problem(ones, problem.given, problem.truth, problem.verified))).all()

    # -- errors at the door -------------------------------------------------------------------------------------------

    def test_using_it_before_fit(self) -> None:
        with pytest.raises(NotFittedError, match="not fitted yet; call `fit` first"):
            self.make().score_samples(np.ones((1, D)), [0])

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_numbers_that_are_not_finite(self, problem: Problem, bad: float) -> None:
        broken = problem.features.copy()
        broken[np.flatnonzero(problem.verified >= 0)[0], 2] = bad
        verifier = self.fitted(problem)
        with pytest.raises(InvalidInputError, match="`features` must hold finite numbers"):
            verifier.score_samples(broken, problem.given)
        with pytest.raises(InvalidInputError, match="`features` must hold finite numbers"):
            self.make().fit(broken, problem.given, problem.verified)

    def test_another_feature_size(self, problem: Problem) -> None:
        with pytest.raises(ShapeError, match=r"must have shape \(N, 8\), got 7 columns; was the backbone changed"):
            self.fitted(problem).score_samples(problem.features[:, 1:], problem.given)

    def test_labels_out_of_range(self, problem: Problem) -> None:
        with pytest.raises(UnknownClassError, match=r"`given_labels` must lie in 0\.\.5 .*, got 6 at position 1"):
            self.fitted(problem).score_samples(problem.features[:2], [0, 6])
        with pytest.raises(UnknownClassError, match=r"`given_labels` must lie in 0\.\.5 .*, got -1 at position 0"):
            self.fitted(problem).score_samples(problem.features[:1], [-1])
