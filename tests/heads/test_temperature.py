from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from noisette.errors import InvalidInputError, ShapeError
from noisette.heads.base import HeteroscedasticBase
from noisette.heads.temperature import fit_temperature
from tests.contracts.head_problems import D, K, label_sets, labels, make_head, rows


def drawn(head: HeteroscedasticBase, count: int = 2000) -> tuple[Tensor, Tensor]:
    """Give rows and labels drawn from what a head says at its own temperature."""
    x = rows(count)
    with torch.no_grad():
        chances = head.eval()(x).exp()
    return x, torch.multinomial(chances, 1, generator=torch.Generator().manual_seed(9)).squeeze(1)


def value(temperature: Tensor) -> float:
    return float(temperature.detach())


def test_a_temperature_is_fixed_at_one_or_learned_from_the_middle_of_its_range() -> None:
    assert value(make_head("full", random=False).temperature) == 1
    learned = make_head("full", random=False, learn_temperature=True, temperature_range=(1.0, 4.0))
    assert value(learned.temperature) == pytest.approx(2.5)
    told = make_head("full", random=False, learn_temperature=True, temperature=0.5)
    assert value(told.temperature) == pytest.approx(0.5)


def test_a_learned_temperature_stays_within_its_range() -> None:
    head = make_head("full", learn_temperature=True)
    for logit, expected in ((-1e4, 0.3), (1e4, 3.0)):
        with torch.no_grad():
            head.temperature_logit.fill_(logit)
        assert value(head.temperature) == pytest.approx(expected)
        assert head.nll(rows(), labels()).isfinite()


def test_the_temperature_divides_the_logits() -> None:
    warm, cold = make_head("full", temperature=2.0).eval(), make_head("full").eval()
    with torch.no_grad():
        for name in ("loc", "spread.cov_factor"):
            for parameter in cold.get_submodule(name).parameters():
                parameter.div_(2)
    told, other = warm.distribution(rows()), cold.distribution(rows())
    torch.testing.assert_close(told.loc / 2, other.loc)
    torch.testing.assert_close(told.cov_factor / 2, other.cov_factor)
    with torch.no_grad():
        warm.get_submodule("spread.std").get_parameter("weight").zero_()
        cold.get_submodule("spread.std").get_parameter("weight").zero_()
        warm.get_submodule("spread.std").get_parameter("bias").fill_(math.log(math.expm1(0.8 - 1e-3)))
        cold.get_submodule("spread.std").get_parameter("bias").fill_(math.log(math.expm1(0.4 - 1e-3)))
    torch.testing.assert_close(warm(rows()), cold(rows()), rtol=1e-5, atol=1e-5)


def test_a_fixed_temperature_is_saved_with_the_weights(tmp_path: Path) -> None:
    head = make_head("full", temperature=1.7)
    torch.save(head.state_dict(), tmp_path / "head.pt")
    other = make_head("full", random=False)
    other.load_state_dict(torch.load(tmp_path / "head.pt", weights_only=True))
    assert value(other.temperature) == pytest.approx(1.7)


@pytest.mark.parametrize("form", ["full", "xl"])
@pytest.mark.parametrize("learned", [False, True])
def test_the_temperature_found_is_the_best_of_a_grid(form: str, learned: bool) -> None:
    truth = make_head(form, learn_temperature=False, temperature=0.8)
    x, targets = drawn(truth)
    head = make_head(form, learn_temperature=learned, temperature=2.5 if learned else 2)
    found = fit_temperature(head, [(x[:700], targets[:700]), (x[:0], targets[:0]), (x[700:], targets[700:])])
    assert value(head.temperature) == pytest.approx(found)
    best = head.eval().nll(x, targets).detach()
    for other_temperature in torch.logspace(math.log10(0.35), math.log10(2.8), 25).tolist():
        tried = make_head(form, learn_temperature=False, temperature=other_temperature).eval()
        tried.load_state_dict({k: v for k, v in head.state_dict().items() if "temperature" not in k}, strict=False)
        assert best <= tried.nll(x, targets).detach() + 1e-5
    assert 0.6 < found < 1.1


def test_the_search_keeps_to_its_bounds_and_to_the_range_of_a_learned_temperature() -> None:
    x, targets = drawn(make_head("full", temperature=0.4))
    assert fit_temperature(make_head("full"), [(x, targets)], bounds=(1.5, 4.0)) == pytest.approx(1.5, rel=2e-3)
    narrow = make_head("full", learn_temperature=True, temperature_range=(1.0, 2.0))
    assert fit_temperature(narrow, [(x, targets)]) == pytest.approx(1.0, rel=5e-3)


@pytest.mark.parametrize("training", [False, True])
def test_the_search_leaves_the_mode_and_the_weights_as_they_were(training: bool) -> None:
    head = make_head("parameter_efficient").train(training)
    before = [p.detach().clone() for p in head.parameters()]
    first = fit_temperature(head, [(rows(), labels())])
    assert head.training == head.get_submodule("spread").training == training
    assert all(torch.equal(p, q) for p, q in zip(head.parameters(), before, strict=True))
    assert fit_temperature(head, [(rows(), labels())]) == first  # whatever it starts from


def test_several_labels_a_row_have_a_best_temperature_too() -> None:
    head = make_head("full", multilabel=True).eval()
    found = fit_temperature(head, [(rows(64), label_sets(64))])
    best = head.nll(rows(64), label_sets(64)).detach()
    for factor in (0.8, 1.25):
        if 0.05 < found * factor < 10:
            tried = make_head("full", multilabel=True, temperature=found * factor).eval()
            assert best <= tried.nll(rows(64), label_sets(64)).detach() + 1e-5


@pytest.mark.parametrize("learned", [False, True])
def test_an_error_leaves_the_temperature_as_it_was(learned: bool) -> None:
    head = make_head("full", learn_temperature=learned, temperature=1.2)
    before, training = value(head.temperature), head.training
    with pytest.raises(ShapeError):
        fit_temperature(head, [(rows(), labels(6))])
    with pytest.raises(InvalidInputError, match="`batches` give no finite likelihood"):
        fit_temperature(head, [(torch.full((7, D), math.nan), labels())])
    assert value(head.temperature) == before
    assert head.training == training


def test_bad_arguments_are_named() -> None:
    head = make_head("full", num_classes=K)
    with pytest.raises(InvalidInputError, match="`batches` holds no row"):
        fit_temperature(head, [])
    with pytest.raises(InvalidInputError, match="`batches` holds no row"):
        fit_temperature(head, [(rows(0), labels(0))])
    with pytest.raises(InvalidInputError, match="`bounds` must be two numbers 0 < low < high, got 2 and 1"):
        fit_temperature(head, [(rows(), labels())], bounds=(2, 1))
    learned = make_head("full", learn_temperature=True)
    with pytest.raises(InvalidInputError, match="`bounds` do not meet the head's `temperature_range`"):
        fit_temperature(learned, [(rows(), labels())], bounds=(4.0, 9.0))
