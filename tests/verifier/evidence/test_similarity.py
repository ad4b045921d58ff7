"""A CleanNet joins the evidence where labels are many, and never vouches for a label it has learned from."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from noisette.functional.detection_metrics import auroc
from noisette.types import ArrayTable, Float32Array, IntArray
from noisette.verifier.evidence import similarity
from noisette.verifier.evidence.scorer import EvidenceScorer
from noisette.verifier.evidence.verifier import EvidenceVerifier
from noisette.verifier.saving import load_verifier


def noise(num_classes: int = 6, per_class: int = 30) -> tuple[Float32Array, IntArray, IntArray]:
    rng = np.random.default_rng(0)
    given = np.repeat(np.arange(num_classes), per_class)
    features = rng.normal(size=(given.size, 8)).astype(np.float32)
    return features, given, rng.integers(2, size=given.size)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "MIN_CLASSES", 5)
    monkeypatch.setattr(similarity, "MIN_LABELS", 100)


def test_few_labels_train_no_network() -> None:
    features, given, verified = noise()
    verifier = EvidenceVerifier().fit(features, given, verified)
    assert isinstance(verifier.models.full, EvidenceScorer)
    assert verifier.models.full.network is None


@pytest.mark.usefixtures("few")
def test_networks_do_not_know_the_labels_they_are_asked_about() -> None:
    features, given, verified = noise()
    verifier = EvidenceVerifier().fit(features, given, verified)
    assert isinstance(verifier.models.full, EvidenceScorer)
    assert verifier.models.full.network is not None
    assert 0.3 < auroc(verifier.score_samples(features, given), verified) < 0.7


@pytest.mark.usefixtures("few")
def test_a_saved_verifier_keeps_its_networks(tmp_path: Path) -> None:
    features, given, verified = noise()
    verifier = EvidenceVerifier().fit(features, given, verified)
    verifier.save(tmp_path / "saved")
    loaded = load_verifier(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.score_samples(features, given), verifier.score_samples(features, given))
    for mine, theirs in zip(
        loaded.suggest_labels(features, given), verifier.suggest_labels(features, given), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.usefixtures("few")
def test_a_fitted_verifier_keeps_no_training_data() -> None:
    features, given, verified = noise()
    table = ArrayTable(features)
    verifier = EvidenceVerifier().fit(table, given, verified)
    alive = weakref.ref(table)
    del table
    gc.collect()
    assert alive() is None
    assert isinstance(verifier.models.full, EvidenceScorer)
    assert verifier.models.full.network is not None
