import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from noisette.training import TrainingRecipe, train_classifier
from noisette.training.losses import batch_loss, mixed


def slow_loss(logits: Tensor, targets: Tensor, weights: Tensor, smoothing: float) -> float:
    """By the formulas: soft targets, a sample at a time."""
    total = 0.0
    for row, target, weight in zip(logits.double(), targets, weights.double(), strict=True):
        classes = len(row)
        log_p = [float(value) - math.log(sum(math.exp(float(v)) for v in row)) for value in row]
        share = [float(target[c]) if target.ndim else float(c == int(target)) for c in range(classes)]
        smooth = [(1 - smoothing) * t + smoothing / classes for t in share]
        total -= float(weight) * sum(t * lp for t, lp in zip(smooth, log_p, strict=True))
    return total / len(logits)


def slow_multilabel(logits: Tensor, targets: Tensor, weights: Tensor, smoothing: float) -> float:
    total = 0.0
    for row, target, weight in zip(logits.double(), targets.double(), weights.double(), strict=True):
        loss = 0.0
        for logit, present in zip(row.tolist(), target.tolist(), strict=True):
            t = (1 - smoothing) * present + smoothing / 2
            p = 1 / (1 + math.exp(-logit))
            loss -= t * math.log(p) + (1 - t) * math.log(1 - p)
        total += float(weight) * loss / len(row)
    return total / len(logits)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("kind", ["ids", "soft"])
def test_the_loss_is_that_of_the_formula(smoothing: float, kind: str, generator: torch.Generator) -> None:
    logits, weights = 3 * torch.randn(6, 4, generator=generator), torch.rand(6, generator=generator)
    ids = torch.tensor([0, 1, 2, 3, 3, 0])
    targets = ids if kind == "ids" else torch.rand(6, 4, generator=generator).softmax(1)
    found = batch_loss(logits, targets, weights, label_smoothing=smoothing)
    assert float(found) == pytest.approx(slow_loss(logits, targets, weights, smoothing), abs=1e-5)
    log_probabilities = batch_loss(logits.log_softmax(1), targets, weights, label_smoothing=smoothing)
    torch.testing.assert_close(found, log_probabilities)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_of_several_labels_is_that_of_the_formula(smoothing: float, generator: torch.Generator) -> None:
    logits, weights = 3 * torch.randn(6, 4, generator=generator), torch.rand(6, generator=generator)
    targets = (torch.rand(6, 4, generator=generator) > 0.6).int()
    found = batch_loss(logits, targets, weights, label_smoothing=smoothing, multilabel=True)
    assert float(found) == pytest.approx(slow_multilabel(logits, targets, weights, smoothing), abs=1e-5)


@pytest.mark.parametrize("multilabel", [False, True])
def test_weights_of_zero_give_zero_with_zero_gradients(multilabel: bool) -> None:
    logits = torch.tensor([[50.0, -50.0], [0.0, 1.0]], requires_grad=True)
    targets = torch.tensor([[0.0, 1.0], [1.0, 0.0]]) if multilabel else torch.tensor([1, 0])
    loss = batch_loss(logits, targets, torch.zeros(2), multilabel=multilabel)
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_outputs_in_half_precision_give_a_loss_in_single_precision() -> None:
    loss = batch_loss(torch.ones(2, 3, dtype=torch.bfloat16), torch.tensor([0, 1]), torch.ones(2))
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(math.log(3))


@given(st.sampled_from([1e-3, 0.2, 1.0, 8.0]), st.integers(1, 6), st.integers(0, 100))
def test_mixed_pictures_are_those_of_the_formula(alpha: float, size: int, seed: int) -> None:
    images = torch.rand(size, 2, 3, generator=torch.Generator().manual_seed(seed))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        found, partner, share = mixed(images, alpha)
    assert 0 <= share <= 1
    assert sorted(partner.tolist()) == list(range(size))
    for row in range(size):
        expected = share * images[row] + (1 - share) * images[int(partner[row])]
        torch.testing.assert_close(found[row], expected)


def test_shares_of_mixup_have_the_moments_of_their_distribution() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        shares = torch.tensor([mixed(torch.zeros(1, 1), 0.4)[2] for _ in range(2000)])
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.04)
    assert float(shares.var()) == pytest.approx(1 / (4 * (2 * 0.4 + 1)), abs=0.02)  # of Beta(a, a)


class Remember(nn.Module):
    """Keeps what it saw; its logits do not depend on it."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.tensor([0.3, -0.1, 0.5]))
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x.detach().clone())
        return x[:, :3] * 2 + self.bias


def test_a_step_with_mixup_has_the_loss_of_both_labels_with_both_weights() -> None:
    pictures, labels, weights = torch.eye(3), [0, 1, 2], [0.5, 1.0, 2.0]
    model = Remember()
    recipe = TrainingRecipe(epochs=1, batch_size=3, mixup=1.0, learning_rate=0.0, label_smoothing=0.1)
    trained = train_classifier(model, list(zip(pictures, labels, weights, strict=True)), recipe=recipe)
    expected = 0.0
    for picture in model.seen[0]:  # the mixed picture says of whom it is, and how much
        logits = (2 * picture + model.bias).detach()[None]
        for c in range(3):
            loss = slow_loss(logits, torch.tensor([c]), torch.tensor([weights[c]]), 0.1)
            expected += float(picture[c]) * loss / 3
    assert trained.history[0].loss == pytest.approx(expected, abs=1e-5)
