"""The suite that every heteroscedastic head passes. A test module subclasses it and says how to make the head."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, logsigmoid, nll_loss

from noisette.errors import InvalidInputError, ShapeError, UnknownClassError
from noisette.heads.base import HeteroscedasticBase
from tests.contracts.head_problems import (
    D,
    K,
    evaluation_samples,
    label_sets,
    labels,
    logit_covariance,
    make_head,
    rows,
    soft_labels,
)
from tests.oracles import heteroscedastic as oracle


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class HeadContract:
    """Subclass it, and name the form; `options` are the head's."""

    form = "full"
    options: dict[str, Any] = {}  # noqa: RUF012 - read only

    def head(self, *, training: bool = False, **options: Any) -> HeteroscedasticBase:
        return make_head(self.form, **(self.options | options)).train(training)

    @property
    def multilabel(self) -> bool:
        return bool(self.options.get("multilabel"))

    def targets(self, count: int = 7) -> Tensor:
        return label_sets(count) if self.multilabel else labels(count)

    # -- what comes out -----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("training", [False, True])
    def test_rows_of_probabilities_sum_to_one(self, training: bool) -> None:
        found = self.head(training=training)(rows())
        assert found.shape == (7, K)
        assert found.dtype == torch.float32
        assert found.isfinite().all()
        if not self.multilabel:
            torch.testing.assert_close(found.exp().sum(1), torch.ones(7))

    def test_evaluation_is_the_mean_over_its_fixed_points_by_a_slow_loop(self) -> None:
        head, x = self.head(), rows()
        samples = evaluation_samples(head, x)
        if self.multilabel:
            yes, no = (logsigmoid(sign * samples).logsumexp(1) for sign in (1, -1))
            expected = yes - no
        else:
            expected = samples.log_softmax(2).logsumexp(1) - math.log(samples.shape[1])
        torch.testing.assert_close(head(x).double(), expected, rtol=1e-5, atol=1e-5)

    def test_any_leading_dimensions_are_taken(self) -> None:
        head, x = self.head(), rows(6)
        flat = head(x)
        torch.testing.assert_close(head(x.reshape(2, 3, D)), flat.reshape(2, 3, K))
        torch.testing.assert_close(head(x.reshape(1, 3, 2, D)), flat.reshape(1, 3, 2, K))
        torch.testing.assert_close(head(x[0]), flat[0])

    @pytest.mark.parametrize("training", [False, True])
    def test_an_empty_batch_has_no_loss_and_no_gradient(self, training: bool) -> None:
        head = self.head(training=training)
        assert head(rows(0)).shape == (0, K)
        assert head(rows(0).reshape(2, 0, D)).shape == (2, 0, K)
        assert head.nll(rows(0), self.targets(0), reduction="none").shape == (0,)
        loss = head.nll(rows(0), self.targets(0))
        loss.backward()
        assert float(loss.detach()) == 0
        assert all(p.grad is None or not p.grad.any() for p in head.parameters())

    def test_the_points_of_evaluation_do_not_depend_on_the_batch_or_the_call(self) -> None:
        head, x = self.head(), rows(64)
        whole = head(x)
        assert torch.equal(head(x), whole)
        for size in (1, 3):
            parts = torch.cat([head(part) for part in x.split(size)])
            torch.testing.assert_close(parts, whole, rtol=1e-6, atol=1e-6)

    def test_two_heads_of_the_same_shape_have_the_same_fixed_points(self) -> None:
        one, other = self.head(), self.head(random=False)
        assert torch.equal(one.eval_factors, other.eval_factors)
        assert torch.equal(one.eval_classes, other.eval_classes)

    # -- the loss -----------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("training", [False, True])
    def test_the_loss_is_what_a_cross_entropy_of_the_output_is(self, training: bool) -> None:
        head, x = self.head(training=training), rows()

        def out() -> Tensor:
            found: Tensor = head(x, generator=seeded())
            return found

        def loss(targets: Tensor) -> Tensor:
            return head.nll(x, targets, generator=seeded())

        if self.multilabel:
            per_class = binary_cross_entropy_with_logits(out(), label_sets(), reduction="none")
            torch.testing.assert_close(per_class.sum(1).mean(), loss(label_sets()))
            return
        torch.testing.assert_close(nll_loss(out(), labels()), loss(labels()))
        torch.testing.assert_close(cross_entropy(out(), labels()), loss(labels()))
        torch.testing.assert_close(cross_entropy(out(), soft_labels()), loss(soft_labels()))
        torch.testing.assert_close(loss(nn.functional.one_hot(labels(), K).float()), loss(labels()))

    @pytest.mark.parametrize("training", [False, True])
    def test_the_loss_and_a_cross_entropy_of_the_output_have_the_same_gradients(self, training: bool) -> None:
        found = []
        for lean in (True, False):
            head, x = self.head(training=training), rows().requires_grad_()
            if lean:
                loss = head.nll(x, self.targets(), generator=seeded())
            elif self.multilabel:
                loss = binary_cross_entropy_with_logits(head(x, generator=seeded()), self.targets()) * K
            else:
                loss = cross_entropy(head(x, generator=seeded()), self.targets())
            found.append(torch.autograd.grad(loss, [x, *head.parameters()]))
        torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)

    def test_weights_multiply_and_the_mean_is_over_rows(self) -> None:
        head, x, targets = self.head(), rows(), self.targets()
        weight = torch.tensor([0.0, 1, 2, 0.5, 0, 3, 1])
        each = head.nll(x, targets, reduction="none")
        assert each.shape == (7,)
        assert (each > 0).all()
        torch.testing.assert_close(head.nll(x, targets), each.mean())
        torch.testing.assert_close(head.nll(x, targets, reduction="sum"), each.sum())
        torch.testing.assert_close(head.nll(x, targets, reduction="none", sample_weight=weight), each * weight)
        torch.testing.assert_close(head.nll(x, targets, sample_weight=weight), (each * weight).sum() / 7)
        torch.testing.assert_close(head.nll(x, targets, sample_weight=weight.double()), (each * weight).sum() / 7)
        torch.testing.assert_close(head.nll(x, targets, "sum", sample_weight=weight), (each * weight).sum())

    def test_weights_that_are_all_zero_give_zero_and_gradients_of_zero(self) -> None:
        head, x = self.head(training=True), rows().requires_grad_()
        loss = head.nll(x, self.targets(), sample_weight=torch.zeros(7))
        gradients = torch.autograd.grad(loss, [x, *head.parameters()])
        assert float(loss.detach()) == 0
        assert not any(gradient.any() for gradient in gradients)

    def test_every_parameter_and_the_features_get_a_gradient(self) -> None:
        for head in (self.head(training=True), self.head(training=True, random=False)):
            x = rows().requires_grad_()
            gradients = torch.autograd.grad(head.nll(x, self.targets()), [x, *head.parameters()])
            assert all(gradient.isfinite().all() and gradient.any() for gradient in gradients)

    def test_a_confident_mistake_keeps_its_gradient(self) -> None:
        head = self.head(training=True)
        with torch.no_grad():
            head.loc.bias[1] += 300
        target = torch.zeros(1, K) if self.multilabel else torch.tensor([0])
        loss = head.nll(rows(1), target)
        loss.backward()
        assert 200 / float(head.temperature.detach()) < float(loss.detach()) < 400 / float(head.temperature.detach())
        assert head.loc.bias.grad is not None
        assert float(head.loc.bias.grad[1]) > 0.3 / float(head.temperature.detach())

    # -- randomness ---------------------------------------------------------------------------------------------------

    def test_the_same_generator_gives_the_same_noise_and_another_gives_other_noise(self) -> None:
        head, x = self.head(training=True), rows()
        assert torch.equal(head(x, generator=seeded(1)), head(x, generator=seeded(1)))
        assert not torch.equal(head(x, generator=seeded(1)), head(x, generator=seeded(2)))
        generator = seeded(1)
        assert not torch.equal(head(x, generator=generator), head(x, generator=generator))

    def test_the_global_random_state_is_touched_only_by_training_without_a_generator(self) -> None:
        head, x = self.head(training=True), rows()
        with torch.random.fork_rng():
            torch.manual_seed(5)
            before = torch.get_rng_state()
            head(x, generator=seeded())
            head.nll(x, self.targets(), generator=seeded())
            head.eval()(x)
            head.reset_evaluation_points()
            assert torch.equal(torch.get_rng_state(), before)
            first = head.train()(x)
            assert not torch.equal(torch.get_rng_state(), before)
            torch.manual_seed(5)
            assert torch.equal(head(x), first)

    # -- the covariance -----------------------------------------------------------------------------------------------

    def test_the_distribution_has_the_mean_and_the_covariance_of_the_formulas(self) -> None:
        head, x = self.head(), rows()
        found = head.distribution(x)
        assert found.loc.shape == found.cov_diag.shape == (7, K)
        assert found.cov_factor.shape[:2] == (7, K)
        assert (found.cov_diag >= 0).all()
        torch.testing.assert_close(found.loc, x @ head.loc.weight.T + head.loc.bias)
        expected = logit_covariance(head, x)
        torch.testing.assert_close(found.covariance_matrix.double(), expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found.variance.double(), expected.diagonal(dim1=1, dim2=2), rtol=1e-4, atol=1e-5)

    def test_the_noise_of_evaluation_has_the_mean_and_the_covariance_that_the_head_tells_of(self) -> None:
        head, x = self.head(num_eval_samples=4096), rows(2)
        samples = evaluation_samples(head, x) * float(head.temperature.detach())
        torch.testing.assert_close(samples.mean(1).float(), head.distribution(x).loc, rtol=1e-4, atol=1e-5)
        for sample, expected in zip(samples, logit_covariance(head, x), strict=True):
            torch.testing.assert_close(sample.T.cov(correction=0), expected, rtol=1e-4, atol=1e-5)

    def test_the_covariance_is_the_centred_mean_over_the_batch_in_units_of_the_temperature(self) -> None:
        head, x = self.head(), rows()
        sigma = logit_covariance(head, x)
        if not self.multilabel:  # where each class has a probability of its own, all of it counts
            sigma = oracle.centred_covariance(sigma)
        expected = sigma.mean(0) / float(head.temperature.detach()) ** 2
        torch.testing.assert_close(head.covariance(x).double(), expected, rtol=1e-4, atol=1e-5)

    # -- other numbers, other arguments -------------------------------------------------------------------------------

    def test_float64_stays_float64(self) -> None:
        head, x = self.head(training=True).double(), rows().double()
        assert head(x).dtype == head.nll(x, self.targets()).dtype == head.covariance(x).dtype == torch.float64
        single = self.head()(rows())
        torch.testing.assert_close(head.eval()(x).float(), single, rtol=1e-5, atol=1e-5)

    def test_bad_arguments_are_named(self) -> None:
        head, x, targets = self.head(), rows(), self.targets()
        with pytest.raises(ShapeError, match=r"`x` must have shape \(\.\.\., 6\), got \(7, 5\)"):
            head(x[:, :5])
        with pytest.raises(ShapeError, match="`x` must have shape"):
            head(torch.tensor(1.0))
        with pytest.raises(ShapeError, match=r"`x` must have shape \(B, 6\), got \(1, 7, 6\)"):
            head.nll(x[None], targets)
        with pytest.raises(InvalidInputError, match="`reduction` must be 'mean', 'sum' or 'none', got 'avg'"):
            head.nll(x, targets, reduction="avg")  # type: ignore[arg-type]
        with pytest.raises(ShapeError, match=r"`sample_weight` must have shape \(7,\), got \(6,\)"):
            head.nll(x, targets, sample_weight=torch.ones(6))
        with pytest.raises(ShapeError, match="`x` has no row"):
            head.covariance(x[:0])
        with pytest.raises(ShapeError, match="`targets` must have"):
            head.nll(x, targets[:6])
        if not self.multilabel:
            with pytest.raises(UnknownClassError, match=r"`targets` must lie in 0\.\.4, got 5"):
                head.nll(x, targets + 1)

    def test_a_layer_that_is_no_linear_layer_of_the_same_sizes_is_refused(self) -> None:
        with pytest.raises(InvalidInputError, match=r"`linear` must be a torch\.nn\.Linear, got ReLU"):
            self.head().load_linear(nn.ReLU())  # type: ignore[arg-type]
        with pytest.raises(ShapeError, match="`linear` must map 6 features to 5 classes, got 6 to 4"):
            self.head().load_linear(nn.Linear(D, 4))
