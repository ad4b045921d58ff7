from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from tests.contracts.head_contract import HeadContract
from tests.contracts.head_problems import K, evaluation_samples, label_sets, rows


class TestFull(HeadContract):
    form = "full"


class TestFullWithALearnedTemperature(HeadContract):
    form = "full"
    options = {"learn_temperature": True}  # noqa: RUF012 - read only


class TestFullWithNoiseOfEachRowsOwn(HeadContract):
    form = "full"
    options = {"noise_per_row": True, "temperature": 0.7}  # noqa: RUF012 - read only


class TestFullOfSeveralLabels(HeadContract):
    form = "full"
    options = {"multilabel": True, "temperature": 1.5}  # noqa: RUF012 - read only


class TestParameterEfficient(HeadContract):
    form = "parameter_efficient"


class TestParameterEfficientWithNoiseOfEachRowsOwn(HeadContract):
    form = "parameter_efficient"
    options = {"noise_per_row": True}  # noqa: RUF012 - read only


class TestParameterEfficientOfSeveralLabelsAtOnce(HeadContract):
    form = "parameter_efficient"
    options = {"multilabel": True, "joint_likelihood": True}  # noqa: RUF012 - read only

    @pytest.mark.parametrize("training", [False])
    def test_the_loss_is_what_a_cross_entropy_of_the_output_is(self, training: bool) -> None:
        """It is not: it is the likelihood of all labels of a row at once, averaged over the noise."""
        head, x, targets = self.head(training=training), rows(), label_sets()
        samples, yes = evaluation_samples(head, x), targets.double()[:, None]
        likelihood = (yes * logsigmoid(samples) + (1 - yes) * logsigmoid(-samples)).sum(2)
        expected = math.log(samples.shape[1]) - likelihood.logsumexp(1)
        torch.testing.assert_close(head.nll(x, targets, "none").double(), expected, rtol=1e-5, atol=1e-5)
        per_class = binary_cross_entropy_with_logits(head(x), targets) * K
        assert abs(float((expected.mean() - per_class).detach())) > 1e-3

    @pytest.mark.parametrize("training", [False, True])
    def test_the_loss_and_a_cross_entropy_of_the_output_have_the_same_gradients(self, training: bool) -> None:
        """They have not: its gradient is that of finite differences."""
        head, targets = self.head(training=training).double(), label_sets(3)

        def loss(x: Tensor) -> Tensor:
            return head.nll(x, targets, generator=torch.Generator().manual_seed(0))

        assert torch.autograd.gradcheck(loss, rows(3).double().requires_grad_())


class TestDiagonal(HeadContract):
    form = "diagonal"


class TestXL(HeadContract):
    form = "xl"


class TestXLWithAFullFactor(HeadContract):
    form = "xl_full"


class TestXLDiagonal(HeadContract):
    form = "xl_diagonal"


class TestXLOfSeveralLabels(HeadContract):
    form = "xl"
    options = {"multilabel": True}  # noqa: RUF012 - read only


class TestXLWithNoiseOfEachRowsOwn(HeadContract):
    form = "xl"
    options = {"noise_per_row": True}  # noqa: RUF012 - read only
