"""The benchmarks of heteroscedastic heads measure against a truth: is it the truth?"""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

import het_multilabel
import het_synthetic
from noisette.functional.exact_predictors import argmax_probabilities, binary_probit
from noisette.heads.dense_head import HeteroscedasticHead
from noisette.heads.distribution import LogitDistribution
from tests.oracles import heteroscedastic as oracle


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def repeated(logits: LogitDistribution, times: int) -> LogitDistribution:
    """Give one row, many times."""
    return LogitDistribution(
        logits.loc.repeat(times, 1), logits.cov_factor.repeat(times, 1, 1), logits.cov_diag.repeat(times, 1)
    )


def test_the_true_probabilities_are_those_of_the_exact_integral() -> None:
    loc, factor, std = (part.float() for part in oracle.example())
    found = het_synthetic.argmax_shares(LogitDistribution(loc, factor, std.square()), points=1 << 16)
    torch.testing.assert_close(found, argmax_probabilities(loc, factor, std), atol=3e-3, rtol=0)


def test_labels_are_drawn_with_the_true_probabilities(generator: torch.Generator) -> None:
    logits = het_synthetic.Truth.draw(generator).at(torch.randn(1, het_synthetic.D, generator=generator))
    labels = het_synthetic.sample_labels(repeated(logits, 40_000), generator)
    shares = torch.bincount(labels, minlength=het_synthetic.K) / len(labels)
    torch.testing.assert_close(shares, het_synthetic.argmax_shares(logits, 1 << 14)[0], atol=0.01, rtol=0)


def test_the_naive_loss_is_that_of_the_slow_oracle(generator: torch.Generator) -> None:
    head = het_synthetic.make("full").requires_grad_(False)
    assert isinstance(head, HeteroscedasticHead)
    x, y = torch.randn(5, het_synthetic.D, generator=generator), torch.tensor([0, 1, 2, 3, 4])
    found = het_synthetic.naive_loss(head, x, y, torch.Generator().manual_seed(1))
    again = torch.Generator().manual_seed(1)
    draws = [torch.randn(5, het_synthetic.NAIVE_SAMPLES, n, generator=again) for n in (het_synthetic.HEAD_FACTORS, 6)]
    logits = head.distribution(x)
    log_p = oracle.log_mean_softmax(logits.loc, logits.cov_factor, logits.cov_diag.sqrt(), *draws)
    assert float(found) == pytest.approx(float(-log_p[torch.arange(5), y].mean()), rel=1e-5)


def test_a_head_that_is_the_truth_diverges_from_it_by_nothing_but_the_temperature() -> None:
    sizes = het_synthetic.Sizes(train=2, tune=2, test=50, points=1 << 14)
    truth, data = het_synthetic.Truth.draw(torch.Generator().manual_seed(3)), het_synthetic.Data.draw(3, sizes)
    head = het_synthetic.make("full, 2 factors").eval()
    assert isinstance(head, HeteroscedasticHead)
    with torch.no_grad():
        for layer, (weight, bias) in (
            (head.loc, truth.loc), (head.spread.cov_factor, truth.cov_factor), (head.spread.std, truth.std),
        ):  # fmt: skip
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
        divergence = []
        for temperature in (1.0, 0.3, 0.1):
            head.fixed_temperature.fill_(temperature)
            divergence.append(het_synthetic.divergence(head, data))
    assert all(warm > cold for warm, cold in pairwise(divergence))
    assert divergence[-1] < 2e-3
    assert het_synthetic.covariance_correlation(head, data) == pytest.approx(1, abs=1e-3)


def test_the_summary_says_which_bars_fail() -> None:
    good = {"linear": 0.1, "diagonal": 0.06, "parameter-efficient": 0.03, "full": 0.02}
    runs = [{"arm": arm, "seed": 1, "kl": kl, "correlation": 0.8} for arm, kl in good.items()]
    assert all(het_synthetic.bars(runs).values())
    worse = [run | {"kl": 0.028} if run["arm"] == "full" else run for run in runs]
    assert not het_synthetic.bars(worse)["full <= 0.027"]
    assert not all(het_synthetic.bars([*runs, *({**run, "seed": 2, "kl": 0.05} for run in runs)]).values())
    assert not any(het_synthetic.bars([runs[0]]).values())


def test_multi_label_rows_are_drawn_with_their_marginals_and_their_pairs(generator: torch.Generator) -> None:
    logits = het_multilabel.Truth.draw(generator).at(torch.zeros(1, het_multilabel.D))
    labels = het_multilabel.sample_labels(repeated(logits, 40_000), generator)
    expected = binary_probit(logits.loc, logits.variance.sqrt())[0]
    torch.testing.assert_close(labels.mean(0), expected, atol=0.01, rtol=0)
    signs = torch.corrcoef(labels.T)
    assert all(sign * float(signs[first, second]) > 0.05 for first, second, sign in het_multilabel.PAIRS)
    assert abs(float(signs[0, 2])) < 0.02


def test_the_read_out_of_planted_pairs_goes_by_their_signs() -> None:
    head = het_multilabel.make(het_multilabel.JOINT)
    assert isinstance(head, HeteroscedasticHead)
    with torch.no_grad():
        head.spread.cov_factor.weight.zero_()
        planted = torch.zeros(het_multilabel.K, len(het_multilabel.PAIRS))
        for factor, (first, second, sign) in enumerate(het_multilabel.PAIRS):
            planted[first, factor], planted[second, factor] = 3.0, 3.0 * sign
        planted[4, 2], planted[5, 2] = 3.0, 3.0  # the wrong sign
        head.spread.cov_factor.bias.copy_(planted.flatten())
    found = het_multilabel.correlations(head, torch.zeros(2, het_multilabel.D))
    assert [round(value, 1) for value in found["planted"]] == [0.9, 0.9, -0.9]
    assert found["others"] == pytest.approx(0, abs=1e-6)
