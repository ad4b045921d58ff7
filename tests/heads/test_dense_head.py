from __future__ import annotations

import math
from typing import Any

import jaxtyping
import pytest
import torch
from torch import Tensor, nn

from noisette.errors import InvalidInputError
from noisette.functional.exact_predictors import two_class_probit
from noisette.heads.dense_head import HeteroscedasticHead
from tests.contracts.head_problems import D, F, K, label_sets, labels, make_head, rows
from tests.oracles import heteroscedastic as oracle


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def example_head(**options: Any) -> HeteroscedasticHead:
    """Give a head whose rows all have the four-class example's mean and covariance."""
    head = HeteroscedasticHead(1, 4, num_factors=2, **options).double()
    layers: Any = head.spread
    std = torch.tensor(oracle.STD, dtype=torch.float64) - 1e-3
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.zero_()
        head.loc.bias.copy_(torch.tensor(oracle.LOC))
        layers.cov_factor.bias.copy_(torch.tensor(oracle.COV_FACTOR).flatten())
        layers.std.bias.copy_(std.expm1().log())
    return head.eval()


# -- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "extra"),
    [
        ("diagonal", (D + 1) * K),
        ("full", (D + 1) * K * (1 + F)),
        ("parameter_efficient", 2 * (D + 1) * K + K * F),
    ],
)
def test_the_extra_parameters_are_those_of_the_published_forms(form: str, extra: int) -> None:
    plain = count(nn.Linear(D, K))
    assert count(make_head(form)) == plain + extra
    assert count(make_head(form, learn_temperature=True)) == plain + extra + 1


def test_without_factors_the_parameter_efficient_form_is_the_diagonal_one() -> None:
    assert count(make_head("parameter_efficient", num_factors=0)) == count(make_head("diagonal"))


# -- probabilities ----------------------------------------------------------------------------------------------------


def test_the_known_example_comes_out() -> None:
    probabilities = example_head(num_eval_samples=4096)(torch.zeros(1, 1, dtype=torch.float64)).exp()[0]
    torch.testing.assert_close(probabilities, torch.tensor(oracle.MEAN_SOFTMAX_AT_1).double(), rtol=0, atol=2e-3)


@pytest.mark.parametrize(("temperature", "distance"), [(1.5, 0.1710), (0.5, 0.0784), (0.25, 0.0347)])
def test_a_small_temperature_comes_near_the_argmax(temperature: float, distance: float) -> None:
    head = example_head(num_eval_samples=4096, temperature=temperature)
    probabilities = head(torch.zeros(1, 1, dtype=torch.float64)).exp()[0]
    off = (probabilities - torch.tensor(oracle.ARGMAX_PROBABILITIES, dtype=torch.float64)).abs().sum() / 2
    assert abs(float(off.detach()) - distance) < 2e-3


@pytest.mark.parametrize("training", [False, True])
def test_two_classes_are_a_pair(training: bool) -> None:
    head = make_head("full", num_classes=2).train(training)
    found = head(rows(64)).exp()
    torch.testing.assert_close(found.sum(1), torch.ones(64))
    swapped = head.nll(rows(64), torch.zeros(64, dtype=torch.long), "none", generator=torch.Generator().manual_seed(0))
    other = head.nll(rows(64), torch.ones(64, dtype=torch.long), "none", generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close((-swapped).exp() + (-other).exp(), torch.ones(64))


def test_two_classes_at_a_small_temperature_are_the_probit_of_their_difference() -> None:
    head = make_head("full", num_classes=2, temperature=0.02, num_eval_samples=8192).eval()
    told = head.distribution(rows(16))
    expected = two_class_probit(told.loc, told.cov_factor, told.cov_diag.sqrt())
    torch.testing.assert_close(head(rows(16)).exp(), expected, rtol=0, atol=0.01)


def test_one_label_of_yes_or_no_is_a_multilabel_head_of_one_class() -> None:
    head = make_head("full", num_classes=1, multilabel=True)
    assert head(rows()).shape == (7, 1)
    assert float(head.nll(rows(), torch.ones(7, 1)).detach()) > 0
    assert float(head.covariance(rows()).detach()) > 0  # centring would leave 0


def test_noise_of_rows_own_differs_between_equal_rows_and_shared_noise_does_not() -> None:
    same = rows(1).expand(8, D)
    own = make_head("full", noise_per_row=True)(same)
    assert not torch.equal(own[0], own[1])
    shared = make_head("full")(same)
    torch.testing.assert_close(shared, shared[:1].expand(8, K))


@pytest.mark.parametrize("noise", ["monte_carlo", "antithetic", "sobol", "matched"])
def test_every_kind_of_noise_comes_to_the_same_probabilities(noise: str) -> None:
    reference = make_head("full", num_eval_samples=16384).eval()(rows()).exp()
    found = make_head("full", num_eval_samples=16384, noise=noise).eval()(rows()).exp()
    torch.testing.assert_close(found, reference, rtol=0, atol=0.02)


# -- the mean is the mean ---------------------------------------------------------------------------------------------


def test_the_parameter_efficient_factor_has_no_bias_so_the_mean_of_the_logits_is_loc() -> None:
    head = make_head("parameter_efficient")
    assert sorted(name for name, _ in head.named_parameters()) == [
        "loc.bias", "loc.weight", "spread.factor", "spread.factor_scale.bias", "spread.factor_scale.weight",
        "spread.std.bias", "spread.std.weight",
    ]  # fmt: skip
    told = head.distribution(rows())
    noise = torch.cat([head.eval_factors, head.eval_classes], dim=1)
    samples = told.loc[:, None] + noise @ torch.cat([told.cov_factor, told.cov_diag.sqrt().diag_embed()], dim=2).mT
    torch.testing.assert_close(samples.mean(1), told.loc, rtol=1e-4, atol=1e-5)


def test_the_factor_scale_takes_either_sign() -> None:
    layers: Any = make_head("parameter_efficient").spread
    scale: Tensor = layers.factor_scale(rows(64))
    assert (scale < 0).any()
    assert (scale > 0).any()


# -- the start --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["full", "parameter_efficient", "xl", "xl_full"])
@pytest.mark.parametrize("warm", [False, True])
def test_factors_learn_from_the_start(form: str, warm: bool) -> None:
    """Where both factors of the parameter-efficient form start at 0, neither ever moves."""
    head = make_head(form, random=False, num_train_samples=256)
    if warm:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            head.load_linear(nn.Linear(D, K))
    before = {name: p.detach().clone() for name, p in head.named_parameters()}
    optimizer = torch.optim.SGD(head.parameters(), lr=0.5)
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        optimizer.zero_grad()
        head.nll(rows(64), labels(64), generator=generator).backward()
        optimizer.step()
    moved = {name: float((p.detach() - before[name]).abs().max()) for name, p in head.named_parameters()}
    assert min(moved.values()) > 1e-6, moved


@pytest.mark.parametrize("form", ["full", "parameter_efficient", "diagonal", "xl"])
@pytest.mark.parametrize("num_classes", [3, 10, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_warm_start_keeps_the_argmax_of_the_linear_layer(form: str, num_classes: int) -> None:
    """Of 10,000 rows, all but those whose two best logits differ by less than 1e-3."""
    features = 32
    with torch.random.fork_rng():
        torch.manual_seed(0)
        linear = nn.Linear(features, num_classes)
    head = make_head(form, in_features=features, num_classes=num_classes, random=False).eval()
    head.load_linear(linear)
    x = rows(10_000, in_features=features)
    with torch.no_grad():
        logits = linear(x)
        best = logits.topk(2).values
        clear = best[:, 0] - best[:, 1] >= 1e-3
        assert clear.float().mean() > 0.98
        found = head(x)
    assert torch.equal(found.argmax(1)[clear], logits.argmax(1)[clear])
    mean = logits / float(head.temperature.detach())
    torch.testing.assert_close(found, mean.log_softmax(1), rtol=0, atol=0.02)


def test_a_layer_without_bias_is_loaded_with_a_bias_of_zero() -> None:
    head = make_head("full")
    linear = nn.Linear(D, K, bias=False)
    head.load_linear(linear)
    assert torch.equal(head.loc.weight, linear.weight)
    assert not head.loc.bias.any()


def test_a_new_head_has_noise_about_as_large_as_its_temperature() -> None:
    for form in ("full", "parameter_efficient", "diagonal"):
        std = make_head(form, random=False).distribution(rows()).variance.sqrt()
        assert 0.5 < float(std.min().detach()) <= float(std.max().detach()) < 3


# -- several labels ---------------------------------------------------------------------------------------------------


def test_the_joint_likelihood_learns_which_labels_come_together() -> None:
    """Labels of two classes that are always the same, or never, for no reason that the features show."""
    generator = torch.Generator().manual_seed(0)
    coin = (torch.rand(512, 1, generator=generator) < 0.5).float()
    targets, x = torch.cat([coin, coin, 1 - coin], dim=1), torch.zeros(512, D)
    head = make_head("full", num_classes=3, random=False, multilabel=True, joint_likelihood=True, num_train_samples=128)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        head.nll(x, targets, generator=generator).backward()
        optimizer.step()
    covariance = head.covariance(x[:1]).detach()
    assert covariance[0, 1] > 0.7 * (covariance[0, 0] * covariance[1, 1]).sqrt()
    assert covariance[0, 2] < -0.7 * (covariance[0, 0] * covariance[2, 2]).sqrt()
    head.eval()
    apart = torch.cat([coin, coin.roll(1, 0), 1 - coin.roll(2, 0)], dim=1)
    assert head.nll(x, targets) < head.nll(x, apart) - 0.3
    single = make_head("full", num_classes=3, multilabel=True).eval()  # each class by itself cannot tell them apart
    torch.testing.assert_close(single.nll(x, targets), single.nll(x, apart))


def test_labels_of_several_classes_may_be_soft() -> None:
    head = make_head("full", multilabel=True).eval()
    yes, no = torch.ones(7, K), torch.zeros(7, K)
    halfway = (head.nll(rows(), yes, "none") + head.nll(rows(), no, "none")) / 2
    torch.testing.assert_close(head.nll(rows(), torch.full((7, K), 0.5), "none"), halfway)
    torch.testing.assert_close(head.nll(rows(), label_sets().bool()), head.nll(rows(), label_sets()))


# -- bad options ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"in_features": 0}, "`in_features` must be a whole number of at least 1, got 0"),
        ({"in_features": 2.0}, r"`in_features` must be a whole number of at least 1, got 2\.0"),
        ({"num_classes": 0}, "`num_classes` must be a whole number of at least 1, got 0"),
        ({"num_classes": 1}, "`num_classes` is 1, whose softmax is always 1"),
        ({"num_factors": -1}, "`num_factors` must be a whole number of at least 0, got -1"),
        ({"temperature": 0.0}, r"`temperature` must be a number above 0, got 0\.0"),
        ({"temperature": math.nan}, "`temperature` must be a number above 0, got nan"),
        ({"temperature": math.inf}, "`temperature` must be a number above 0, got inf"),
        ({"temperature_range": (1.0, 1.0)}, r"`temperature_range` must be two numbers 0 < low < high, got 1\.0 and"),
        ({"temperature_range": (0.0, 1.0)}, r"`temperature_range` must be two numbers 0 < low < high, got 0\.0 and"),
        ({"temperature": 5.0, "learn_temperature": True}, r"`temperature` must lie between 0\.3 and 3\.0"),
        ({"joint_likelihood": True}, "`joint_likelihood` is of several labels a row; give multilabel=True"),
        ({"num_train_samples": 0}, "`num_train_samples` must be a whole number of at least 1, got 0"),
        ({"num_train_samples": 7}, "`num_train_samples` must be even, got 7"),
        ({"num_eval_samples": 7}, "`num_eval_samples` must be even, got 7"),
        ({"noise": "sobol", "num_classes": 21_200}, "'sobol' noise has at most 21201 dimensions.*take noise='matched'"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        make_head("full", random=False, **options)


def test_an_unknown_kind_of_noise_is_named() -> None:
    jaxtyping.config.update("jaxtyping_disable", True)  # which would speak first, and only in tests
    try:
        with pytest.raises(InvalidInputError, match=r"`noise` must be one of monte_carlo, .*matched, got 'gaussian'"):
            make_head("full", random=False, noise="gaussian")
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
