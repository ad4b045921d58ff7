from __future__ import annotations

import math

import pytest
import torch

from noisette.functional.class_losses import contrast_loss, ranking_loss


def test_contrast_is_the_cross_entropy_of_the_own_class() -> None:
    generator = torch.Generator().manual_seed(0)
    similarities = torch.rand(6, 4, generator=generator, dtype=torch.float64) * 2 - 1
    own = torch.tensor([0, 3, 1, 1, 2, 0])
    expected = [
        math.log(sum(math.exp(7 * float(s)) for s in row)) - 7 * float(row[k])
        for row, k in zip(similarities, own.tolist(), strict=True)
    ]
    found = contrast_loss(similarities, own, scale=7.0)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_contrast_with_one_class_is_zero() -> None:
    torch.testing.assert_close(contrast_loss(torch.rand(3, 1), torch.zeros(3, dtype=torch.long)), torch.zeros(3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ranking_is_the_mean_over_all_pairs_of_both_kinds(dtype: torch.dtype) -> None:
    s = torch.tensor([0.9, -0.2, 0.3, 0.5, 0.1], dtype=dtype)
    labels = torch.tensor([1, 0, -1, 0, 1])
    pairs = [(w, c) for w in (-0.2, 0.5) for c in (0.9, 0.1)]
    expected = sum(math.log1p(math.exp(10 * (w - c))) for w, c in pairs) / 4
    torch.testing.assert_close(ranking_loss(s, labels), torch.tensor(expected, dtype=dtype))


@pytest.mark.parametrize("labels", [[1, 1, -1], [0, -1, 0], [-1, -1, -1], []])
def test_ranking_without_both_kinds_is_zero_with_zero_gradients(labels: list[int]) -> None:
    s = torch.full((len(labels),), 0.5, requires_grad=True)
    loss = ranking_loss(s, torch.tensor(labels, dtype=torch.long))
    loss.backward()
    assert loss.item() == 0
    torch.testing.assert_close(s.grad, torch.zeros(len(labels)))
