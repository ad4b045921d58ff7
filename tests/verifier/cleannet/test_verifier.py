from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from noisette import CleanNetVerifier, find_references, load_verifier
from noisette.errors import InvalidInputError, NotVerifiedError
from noisette.types import Float32Array, IntArray
from noisette.verifier.cleannet.normalization import NORMALIZATIONS
from noisette.verifier.cleannet.recipe import DEFAULT, PAPER, CleanNetRecipe
from noisette.verifier.cleannet.samples import take_samples
from noisette.verifier.inputs import check_training_data
from tests.verifier.noisy_data import NoisyData, noisy_data

QUICK = replace(DEFAULT, num_steps=20, unverified_per_step=64, verified_per_step=64)
QUICK_PAPER = replace(PAPER, num_steps=60)


@pytest.fixture(scope="module")
def data() -> NoisyData:
    return noisy_data(600, spread=1.0)


def fitted(
    data: NoisyData, verification: IntArray | None, recipe: CleanNetRecipe = QUICK, **options: Any
) -> CleanNetVerifier:
    return CleanNetVerifier(8, recipe=recipe, **options).fit(data.features, data.given, verification)


@pytest.mark.parametrize("classes", [3, 6], ids=["stratified folds", "classes left out"])
def test_finds_the_wrong_labels(data: NoisyData, classes: int) -> None:
    verification = data.verified(0.5, classes)
    verifier = fitted(data, verification)
    scores = verifier.score_samples(data.features, data.given)
    assert ((scores >= -1) & (scores <= 1)).all()
    unseen = verification < 0
    assert roc_auc_score(data.truth[unseen], scores[unseen]) > 0.9
    assert roc_auc_score(data.truth[~unseen], scores[~unseen]) > 0.85
    suggested, _ = verifier.suggest_labels(data.features, data.given)
    assert (suggested == data.correct).mean() > 0.8
    np.testing.assert_array_equal(verifier.sample_weight(data.features, data.given), np.maximum(scores, 0))


def test_without_verification_it_ranks_and_says_what_it_cannot(data: NoisyData) -> None:
    verifier = fitted(data, None)
    assert roc_auc_score(data.truth, verifier.score_samples(data.features, data.given)) > 0.9
    assert (verifier.sample_weight(data.features, data.given) >= 0).all()
    with pytest.raises(NotVerifiedError, match="verify some and fit again"):
        verifier.label_quality(data.features, data.given)
    with pytest.raises(NotVerifiedError, match="recipe='default'"):
        fitted(data, None, QUICK_PAPER)


def test_pure_noise_is_scored_as_noise() -> None:
    rng = np.random.default_rng(0)
    features, given = rng.normal(size=(1200, 16)).astype(np.float32), rng.integers(6, size=1200)
    truth = rng.integers(2, size=1200)
    recipe = replace(QUICK, num_steps=60)
    verifier = CleanNetVerifier(8, recipe=recipe).fit(features, given, truth)
    assert abs(roc_auc_score(truth, verifier.score_samples(features, given)) - 0.5) < 0.06


@pytest.mark.parametrize("recipe", [QUICK, QUICK_PAPER], ids=["default", "paper"])
def test_saving_and_loading(data: NoisyData, tmp_path: Path, recipe: CleanNetRecipe) -> None:
    verifier = fitted(data, data.verified(0.5, 4), recipe, random_state=3)
    verifier.save(tmp_path / "v")
    again = load_verifier(tmp_path / "v")
    assert isinstance(again, CleanNetVerifier)
    assert again.recipe == recipe
    assert again.settings() == json.loads(json.dumps(verifier.settings()))
    for method in ("score_samples", "label_quality", "predict", "sample_weight"):
        found, expected = (getattr(v, method)(data.features, data.given) for v in (again, verifier))
        np.testing.assert_array_equal(found, expected)


def test_equal_seeds_equal_scores(data: NoisyData) -> None:
    verification = data.verified(0.5, 4)
    first, again, other = (
        fitted(data, verification, random_state=s).score_samples(data.features, data.given) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("shift", "recipe", "expected"),
    [(0.0, QUICK, "auto"), (0.0, QUICK_PAPER, "log"), (-2.0, QUICK_PAPER, "l2"), (-2.0, QUICK, "auto")],
)
def test_auto_normalization(data: NoisyData, shift: float, recipe: CleanNetRecipe, expected: str) -> None:
    moved = replace(data, features=data.features + np.float32(shift))
    verifier = fitted(moved, data.verified(0.5, 4), replace(recipe, num_steps=1))
    assert NORMALIZATIONS[int(verifier.context["normalization"][0])] == expected


def test_small_and_empty_classes_and_corrections_to_them() -> None:
    data = noisy_data(200)
    given = np.where(data.given == 2, 0, data.given)
    given[0] = 7
    verification = np.where(np.arange(200) < 80, given == data.correct, -1)
    correct = np.where((verification == 0) & (np.arange(200) % 2 == 0), 2, -1)
    verifier = CleanNetVerifier(8, recipe=QUICK)
    verifier.fit(data.features, given, verification, correct_labels=correct, class_names=list("abcdefghij"))
    scores = verifier.score_samples(data.features, given)
    assert np.isfinite(scores).all()
    suggested, _ = verifier.suggest_labels(data.features, given)
    assert not np.isin(suggested, [2, 6, 8, 9]).any()


def test_one_sample() -> None:
    verifier = CleanNetVerifier(4, recipe=QUICK).fit(np.ones((1, 3)), [0])
    assert np.isfinite(verifier.score_samples(np.ones((1, 3)), [0])).all()


class Disk:
    """A table that counts what is taken from it."""

    class_names = None

    def __init__(self, values: Float32Array) -> None:
        self.values, self.largest = values, 0
        self.num_rows, self.num_features = values.shape

    def iter_batches(self, batch_size: int) -> Iterator[Float32Array]:
        for i in range(0, self.num_rows, batch_size):
            yield self.values[i : i + batch_size]

    def take(self, rows: IntArray) -> Float32Array:
        self.largest = max(self.largest, len(rows))
        return self.values[rows]


def test_a_large_table_is_sampled_evenly() -> None:
    given = np.repeat(np.arange(4), [5, 1000, 300, 700])
    table = Disk(np.arange(2005, dtype=np.float32)[:, None] * np.ones((1, 10), dtype=np.float32))
    verification = np.full(2005, -1)
    verification[[6, 8]] = 1
    data = check_training_data(table, given, verification, None, None, None)
    samples = take_samples(data, np.random.default_rng(0), max_numbers=1000)
    assert table.largest == 100
    assert samples.rows.tolist() == [6, 8]
    assert len(samples.unverified) == 100
    assert np.bincount(samples.unverified.labels)[0] == 5
    assert np.bincount(samples.unverified.labels)[1:] == pytest.approx([31.67] * 3, abs=1)
    rows = samples.unverified.features[:, 0].numpy().astype(int)
    assert (np.diff(rows) > 0).all()
    assert not np.isin(rows, [6, 8]).any()
    np.testing.assert_array_equal(given[rows], samples.unverified.labels.numpy())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_unverified_row_is_named_where_the_references_are_given(data: NoisyData, bad: float) -> None:
    references = find_references(data.features, data.given, 6, 4)
    features, verification = data.features.copy(), data.verified(0.5, 6)
    row = int(np.flatnonzero(verification < 0)[0])
    features[row, 1] = bad
    verifier = CleanNetVerifier(4, recipe=QUICK, references=references)
    with pytest.raises(InvalidInputError, match=f"`features` must hold finite numbers, but row {row} has NaN"):
        verifier.fit(features, data.given, verification)


def test_progress_is_told(data: NoisyData) -> None:
    calls: list[str] = []
    fitted(data, data.verified(0.5, 4), progress=lambda what, _done, _total: calls.append(what))
    assert {"references", "fit", "train"} <= set(calls)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(InvalidInputError, match="`num_references` must be at least 1, got 0"):
        CleanNetVerifier(0)
    with pytest.raises(InvalidInputError, match=r"`normalization` must be one of .* got 'L2'"):
        CleanNetVerifier(normalization="L2")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match=r"`recipe` must be one of .* got 'best'"):
        CleanNetVerifier(recipe="best")  # type: ignore[arg-type]


def test_a_bare_import_of_the_room_loads_no_torch() -> None:
    code = "import sys, noisette.verifier; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_killed_training_is_gone_on_with(tmp_path: Path) -> None:
    data = noisy_data()
    recipe = CleanNetRecipe(num_steps=6, validation_interval=2, stopping="never")
    arguments = (data.features, data.given, data.verified(0.5, 6))

    class Killed(Exception):
        pass

    def kill(what: str, done: int, _total: int) -> None:
        if what == "train" and done == 5 and len(list(tmp_path.iterdir())) == 3:
            raise Killed

    whole = CleanNetVerifier(4, recipe=recipe).fit(*arguments)
    with pytest.raises(Killed):
        CleanNetVerifier(4, recipe=recipe, training_folder=tmp_path, progress=kill).fit(*arguments)
    again = CleanNetVerifier(4, recipe=recipe, training_folder=tmp_path).fit(*arguments)
    np.testing.assert_array_equal(again.score_samples(*arguments[:2]), whole.score_samples(*arguments[:2]))
