from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from noisette.functional.likelihood_rules import (
    CategoricalNLL,
    JointBernoulliNLL,
    LogMeanSoftmax,
    MeanSigmoidLogit,
    Rule,
)

B, S, K = 3, 5, 4
Case = tuple[type[Rule], Tensor | None, Callable[[Tensor], Tensor]]


def _log_mean(values: Tensor) -> Tensor:
    return values.logsumexp(1) - math.log(values.shape[1])


def _joint(u: Tensor, t: Tensor) -> Tensor:
    per_class = t[:, None] * logsigmoid(u) + (1 - t[:, None]) * logsigmoid(-u)
    return -_log_mean(per_class.sum(2))


def _case(name: str, batch: int = B, classes: int = K) -> Case:
    """Give a rule, its targets and the same function written plainly."""
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(classes, (batch,), generator=generator)
    soft = torch.rand(batch, classes, generator=generator, dtype=torch.float64)
    cases: dict[str, Case] = {
        "softmax": (LogMeanSoftmax, None, lambda u: _log_mean(u.log_softmax(2))),
        "nll": (CategoricalNLL, ids, lambda u: -_log_mean(u.log_softmax(2))[torch.arange(batch), ids]),
        "sigmoid": (MeanSigmoidLogit, None, lambda u: _log_mean(logsigmoid(u)) - _log_mean(logsigmoid(-u))),
        "joint": (JointBernoulliNLL, soft, lambda u: _joint(u, soft)),
        "joint, hard": (JointBernoulliNLL, soft.round(), lambda u: _joint(u, soft.round())),
    }
    return cases[name]


CASES = ("softmax", "nll", "sigmoid", "joint", "joint, hard")


def _both_ways(case: Case, u: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Give result and gradient of the rule, then of the plain function in float64, under the same weights."""
    rule, targets, plain = case
    targets = targets if targets is None or not targets.is_floating_point() else targets.to(u)
    result, kept = rule.forward(u.clone(), targets)
    weight = torch.randn(result.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    gradient = rule.backward(u.clone(), targets, result, kept, weight.to(u))
    leaf = u.double().requires_grad_()
    expected = plain(leaf)
    (of_leaf,) = torch.autograd.grad((weight * expected).sum(), leaf)
    return result, gradient, expected.detach(), of_leaf


def _logits(scale: float, batch: int = B, samples: int = S, classes: int = K) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return scale * torch.randn(batch, samples, classes, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("scale", [0.0, 0.1, 1.0, 10.0, 300.0])
@pytest.mark.parametrize("name", CASES)
def test_a_rule_and_its_gradient_are_those_of_the_plain_function(name: str, scale: float) -> None:
    result, gradient, expected, of_leaf = _both_ways(_case(name), _logits(scale))
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gradient, of_leaf, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("batch", "samples", "classes"), [(0, 3, 4), (1, 1, 2), (2, 1, 1), (1, 6, 3)])
@pytest.mark.parametrize("name", CASES)
def test_a_rule_holds_for_no_row_one_sample_and_one_class(name: str, batch: int, samples: int, classes: int) -> None:
    case = _case(name, batch, classes)
    result, gradient, expected, of_leaf = _both_ways(case, _logits(1.0, batch, samples, classes))
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gradient, of_leaf, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize("name", CASES)
def test_single_precision_loses_no_more_than_single_precision(name: str, scale: float) -> None:
    u = _logits(scale, 20, 30, 50).float()
    result, gradient, expected, of_leaf = _both_ways(_case(name, 20, 50), u)
    torch.testing.assert_close(result.double(), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient.double(), of_leaf, rtol=1e-3, atol=float(of_leaf.abs().max()) * 1e-3)


def test_the_gradient_of_a_mean_sigmoid_lives_where_certain_samples_disagree() -> None:
    """Half the samples say yes, half no, all sure of it: as 1 - sigmoid(20) is 0 in float32, one side would be lost."""
    u = torch.tensor([20.0, -20.0]).reshape(1, 2, 1)
    result, kept = MeanSigmoidLogit.forward(u.clone(), None)
    gradient = MeanSigmoidLogit.backward(u.clone(), None, result, kept, torch.ones(1, 1))
    exact = 2 * math.exp(-20)  # yes-share * (1 - sigmoid) + no-share * sigmoid, to first order in exp(-20)
    torch.testing.assert_close(gradient, torch.full((1, 2, 1), exact), rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", CASES)
def test_logits_ten_thousand_apart_give_finite_values_and_a_live_gradient(name: str) -> None:
    u = torch.tensor([[[1e4, 0.0, -1e4], [1e4, -1e4, 5.0]]])
    rule, targets, _ = _case(name, 1, 3)
    targets = None if targets is None else torch.tensor([2]) if targets.ndim == 1 else torch.tensor([[0.0, 1.0, 1.0]])
    result, kept = rule.forward(u.clone(), targets)
    gradient = rule.backward(u.clone(), targets, result, kept, torch.ones_like(result))
    assert result.isfinite().all()
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0.1


def test_a_confident_mistake_is_punished_by_the_difference_of_the_logits() -> None:
    u = torch.tensor([[[40.0, 0.0]]])
    result, kept = CategoricalNLL.forward(u.clone(), torch.tensor([1]))
    torch.testing.assert_close(result, torch.tensor([40.0]))
    gradient = CategoricalNLL.backward(u.clone(), torch.tensor([1]), result, kept, torch.ones(1))
    torch.testing.assert_close(gradient, torch.tensor([[[1.0, -1.0]]]))
