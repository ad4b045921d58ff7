from __future__ import annotations

import pytest
import torch

from noisette.functional.similarity import cosine_matrix, cosine_similarity, unit_vectors
from tests.oracles import cleannet as oracle


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_the_formula(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 7, 5, generator=generator, dtype=dtype)
    expected = [oracle.cosine(a.numpy(), b.numpy()) for a, b in zip(first, second, strict=True)]
    torch.testing.assert_close(cosine_similarity(first, second), torch.tensor(expected, dtype=dtype))
    torch.testing.assert_close(cosine_matrix(first, second).diagonal(), cosine_similarity(first, second))


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-9, 1e-3, 1.0, 1e15])
def test_values_and_gradients_stay_finite_for_vectors_of_any_length(scale: float) -> None:
    vector = torch.full((1, 4), scale, requires_grad=True)
    similarity = cosine_similarity(vector, torch.eye(4)[:1])
    similarity.sum().backward()
    assert vector.grad is not None
    assert vector.grad.isfinite().all()
    assert -1 <= similarity.item() <= 1


def test_the_zero_vector_stays_zero_and_passes_no_gradient() -> None:
    vector = torch.zeros(1, 3, requires_grad=True)
    unit_vectors(vector).sum().backward()
    torch.testing.assert_close(vector.grad, torch.zeros(1, 3))


def test_gradients_are_those_of_the_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(3, 4, generator=generator, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(cosine_similarity, (first, second))
    assert torch.autograd.gradcheck(cosine_matrix, (first, second))


def test_nan_stays_in_its_row() -> None:
    vectors = torch.tensor([[torch.nan, 1.0], [3.0, 4.0]])
    assert unit_vectors(vectors)[0].isnan().all()
    torch.testing.assert_close(unit_vectors(vectors)[1], torch.tensor([0.6, 0.8]))


def test_no_rows() -> None:
    assert cosine_similarity(torch.empty(0, 3), torch.empty(0, 3)).shape == (0,)


def test_half_precision_neither_underflows_nor_overflows() -> None:
    vectors = torch.tensor([[0.0, 0.0], [300.0, 400.0], [3e-5, 4e-5]], dtype=torch.float16, requires_grad=True)
    found = unit_vectors(vectors)
    assert found.dtype == torch.float16
    torch.testing.assert_close(found, torch.tensor([[0.0, 0.0], [0.6, 0.8], [0.6, 0.8]]).half(), rtol=0, atol=0.01)
    found.sum().backward()
    assert vectors.grad is not None
    assert vectors.grad.isfinite().all()
