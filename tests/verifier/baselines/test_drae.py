from __future__ import annotations

import numpy as np
import pytest
import torch

from noisette.errors import InvalidInputError
from noisette.functional.detection_metrics import auroc
from noisette.verifier.baselines.autoencoders import train_autoencoders
from noisette.verifier.baselines.drae import DRAEVerifier, _blocks
from noisette.verifier.baselines.error_split import split_errors, variance_ratio


def slow_split(errors: list[float]) -> tuple[float, list[float]]:
    """Try every cut: the lowest h, and the low group."""
    ordered = sorted(errors)
    total = float(np.var(errors)) * len(errors)
    best: tuple[float, list[float]] = (np.inf, ordered)
    for cut in range(1, len(ordered)):
        low, high = ordered[:cut], ordered[cut:]
        within = float(np.var(low) * len(low) + np.var(high) * len(high))
        best = min(best, (within / total, low))
    return best


def test_the_split_is_the_best_of_all_cuts() -> None:
    generator = torch.Generator().manual_seed(0)
    errors = torch.rand(5, 12, generator=generator, dtype=torch.float64)
    valid = torch.arange(12) < torch.tensor([12, 7, 3, 2, 12])[:, None]
    low, threshold = split_errors(errors, valid)
    ratio = variance_ratio(errors, low, valid)
    for i in range(5):
        own = errors[i, valid[i]].tolist()
        lowest, group = slow_split(own)
        assert ratio[i].item() == pytest.approx(lowest)
        assert sorted(errors[i, low[i]].tolist()) == group
        assert max(group) < threshold[i] < min(set(own) - set(group))


@pytest.mark.parametrize("errors", [[0.5], [0.5, 0.5, 0.5], [0.0]])
def test_errors_that_cannot_be_cut_are_all_low(errors: list[float]) -> None:
    values, valid = torch.tensor([errors]), torch.ones(1, len(errors), dtype=torch.bool)
    low, threshold = split_errors(values, valid)
    assert low.all()
    assert threshold.tolist() == errors[:1]
    assert variance_ratio(values, low, valid).tolist() == [0]


def test_the_variance_ratio_has_a_gradient() -> None:
    errors = torch.rand(2, 6, dtype=torch.float64, requires_grad=True)
    valid = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    low, _ = split_errors(errors.detach(), valid)
    assert torch.autograd.gradcheck(lambda e: variance_ratio(e, low, valid), errors)


def test_classes_do_not_disturb_each_other() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(3, 20, 6, generator=generator)
    valid = torch.ones(3, 20, dtype=torch.bool)
    options = {"hidden_units": 2, "num_epochs": 5, "split_weight": 0.1, "learning_rate": 0.01}
    together, _ = train_autoencoders(inputs, valid, generator=torch.Generator().manual_seed(1), **options)  # type: ignore[arg-type]
    changed = torch.cat([inputs[:1], torch.randn(2, 20, 6, generator=generator)])
    alone, _ = train_autoencoders(changed, valid, generator=torch.Generator().manual_seed(1), **options)  # type: ignore[arg-type]
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one[0], other[0])
        assert not torch.equal(one[1], other[1])


def test_padding_counts_for_nothing() -> None:
    inputs = torch.randn(2, 8, 5, generator=torch.Generator().manual_seed(0))
    padded = torch.cat([inputs, torch.full((2, 3, 5), 9.0)], dim=1)
    valid = torch.ones(2, 11, dtype=torch.bool)
    valid[:, 8:] = False
    options = {"hidden_units": 2, "num_epochs": 5, "split_weight": 0.1, "learning_rate": 0.01}
    one, t_one = train_autoencoders(inputs, valid[:, :8], generator=torch.Generator().manual_seed(1), **options)  # type: ignore[arg-type]
    two, t_two = train_autoencoders(padded, valid, generator=torch.Generator().manual_seed(1), **options)  # type: ignore[arg-type]
    for first, second in zip((*one, t_one), (*two, t_two), strict=True):
        torch.testing.assert_close(first, second)


def test_outliers_of_a_class_are_found_without_verification_labels() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(200) % 2
    features = (rng.normal(size=(2, 10)) * 2)[truth] + rng.normal(size=(200, 10)) * 0.3
    given = np.where(rng.random(200) < 0.2, 1 - truth, truth)
    verifier = DRAEVerifier(hidden_units=2).fit(features, given)
    assert auroc(verifier.score_samples(features, given), given == truth) > 0.95
    assert (verifier.predict(features, given) == (given == truth)).mean() > 0.9
    quality = verifier.label_quality(features, given)
    np.testing.assert_array_equal(quality >= 0.5, verifier.predict(features, given))


def test_blocks_cover_every_class_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noisette.verifier.baselines.drae._BLOCK_NUMBERS", 100)
    counts = np.array([3, 3, 3, 30, 1, 1])
    blocks = list(_blocks(counts, 10))
    assert [i for first, last in blocks for i in range(first, last)] == list(range(6))
    assert blocks == [(0, 3), (3, 4), (4, 6)]


def test_blocks_change_nothing_about_who_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(60, 4)), np.arange(60) % 3
    monkeypatch.setattr("noisette.verifier.baselines.drae._BLOCK_NUMBERS", 80)
    verifier = DRAEVerifier(num_epochs=3).fit(features, labels)
    assert np.isfinite(verifier.context["thresholds"]).all()


def test_settings_out_of_range() -> None:
    with pytest.raises(InvalidInputError, match="`hidden_units` must be at least 1, got 0"):
        DRAEVerifier(hidden_units=0)
    with pytest.raises(InvalidInputError, match="`split_weight` must be at least 0, got -1"):
        DRAEVerifier(split_weight=-1)
