from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from noisette.errors import InvalidInputError, ShapeError, UnknownClassError
from noisette.heads import HeteroscedasticHead, class_uncertainty, split_uncertainty
from tests.heads.random_heads import FORMS, D, K, entropy, every_form, features, make_head, sampled_logits


@every_form
def test_entropies_by_a_slow_oracle_add_up(form: str) -> None:
    head, x = make_head(form), features()
    given_noise = sampled_logits(head, x).softmax(2)
    found = split_uncertainty(head, x)
    total, rest = entropy(given_noise.mean(1)), entropy(given_noise).mean(1)
    torch.testing.assert_close(found.rest, rest, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(found.total, total, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(found.label_noise, total - rest, rtol=1e-5, atol=1e-9)
    log_p = head.eval()(x).detach()
    torch.testing.assert_close(found.total, -(log_p.exp() * log_p).sum(1), rtol=1e-6, atol=1e-9)


@every_form
def test_entropies_of_several_labels_are_those_of_each_class(form: str) -> None:
    head, x = make_head(form, multilabel=True), features()
    yes = sampled_logits(head, x).sigmoid()
    both = torch.stack([yes, 1 - yes], dim=-1)
    found = split_uncertainty(head, x)
    assert found.total.shape == (len(x), K)
    torch.testing.assert_close(found.total, entropy(both.mean(1)), rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(found.rest, entropy(both).mean(1), rtol=1e-6, atol=1e-9)


@settings(deadline=None)
@given(form=st.sampled_from(list(FORMS)), seed=st.integers(0, 1000), multilabel=st.booleans())
def test_both_parts_lie_between_nothing_and_everything(form: str, seed: int, multilabel: bool) -> None:
    head, x = make_head(form, multilabel=multilabel), 5 * features(3, seed)
    found = split_uncertainty(head, x)
    most = math.log(2) if multilabel else math.log(K)
    for part in (found.label_noise, found.rest, found.total):
        assert (part >= 0).all()
        assert (part <= most + 1e-9).all()
    torch.testing.assert_close(found.total, found.label_noise + found.rest)


@pytest.mark.parametrize("multilabel", [False, True])
def test_without_noise_all_is_the_rest_and_at_a_low_temperature_all_is_noise(multilabel: bool) -> None:
    head, x = make_head("diagonal", multilabel=multilabel), features()
    with torch.no_grad():
        spread: Any = head.spread
        spread.std.weight.zero_()
        spread.std.bias.fill_(-40)
        head.loc.weight.zero_()
        head.loc.bias.zero_()
    quiet = split_uncertainty(head, x)
    assert (quiet.label_noise < 1e-5).all()
    assert (quiet.total > 0.6).all()
    noisy = HeteroscedasticHead(D, K, num_factors=0, temperature=1e-4, multilabel=multilabel, dtype=torch.float64)
    loud = split_uncertainty(noisy, x * 0)
    assert (loud.rest < 1e-2).all()
    assert (loud.label_noise > 0.5).all()


def test_certain_rows_and_float32_give_no_nan() -> None:
    head = make_head("full").float()
    with torch.no_grad():
        head.loc.bias.copy_(torch.tensor([300.0, 0, 0, -300]))
    found = split_uncertainty(head, features().float() * 0)
    assert found.total.isfinite().all()
    assert (found.total < 1e-6).all()
    half = split_uncertainty(head.bfloat16(), features())
    assert half.total.isfinite().all()


@pytest.mark.parametrize("multilabel", [False, True])
def test_no_row_gives_no_number(multilabel: bool) -> None:
    head = make_head("full", multilabel=multilabel)
    assert split_uncertainty(head, features(0)).total.shape == ((0, K) if multilabel else (0,))


def test_means_by_class_leave_an_empty_class_unknown() -> None:
    head, x = make_head("full"), features()
    labels = torch.tensor([0, 0, 1, 3, 3, 3, 0, 1, 3, 3, 0])
    rows = split_uncertainty(head, x)
    found = class_uncertainty(head, [(x[:4], labels[:4]), (x[4:], labels[4:])])
    assert found.num_rows.tolist() == [4, 2, 0, 5]
    for label in (0, 1, 3):
        mine = labels == label
        torch.testing.assert_close(found.label_noise[label], rows.label_noise[mine].mean())
        torch.testing.assert_close(found.rest[label], rows.rest[mine].mean())
        torch.testing.assert_close(found.total[label], rows.total[mine].mean())
    assert found.total[2].isnan()


def test_each_row_counts_for_every_class_of_a_multilabel_head() -> None:
    head, x = make_head("full", multilabel=True), features()
    found, rows = class_uncertainty(head, x.split(4)), split_uncertainty(head, x)
    assert found.num_rows.tolist() == [11] * K
    torch.testing.assert_close(found.total, rows.total.mean(0))


def test_wrong_rows_and_labels_are_named() -> None:
    head, x = make_head("full"), features()
    with pytest.raises(ShapeError, match=r"`x` must have shape \(B, 5\), got \(5,\)"):
        split_uncertainty(head, x[0])
    with pytest.raises(InvalidInputError, match="`x` must be finite, and row 2 is not"):
        split_uncertainty(head, x.index_fill(0, torch.tensor(2), torch.inf))
    with pytest.raises(ShapeError, match=r"`batches` must hold \(x, labels\) pairs, got features alone"):
        class_uncertainty(head, [x])
    with pytest.raises(ShapeError, match=r"labels in `batches` must be \(11,\) class ids, got torch.float64"):
        class_uncertainty(head, [(x, x[:, 0])])
    with pytest.raises(UnknownClassError, match=r"labels in `batches` must lie in 0..3, got -1"):
        class_uncertainty(head, [(x, torch.arange(11) - 1)])
