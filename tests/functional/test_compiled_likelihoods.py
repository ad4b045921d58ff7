"""`torch.compile` of losses and gradients, in a process of its own: run-time checks of annotations defeat it."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import torch
from noisette.functional import joint_sigmoid_nll, log_mean_softmax, mean_sigmoid_logits, mean_softmax_nll
from noisette.functional import draw_noise, mean_likelihoods
from tests.functional.noisy_problems import problem_of, random_problem

backend, name = sys.argv[1:]
mean_likelihoods.CPU_NUMBERS = 3 * 8 * 6  # two stretches of rows, at least
problem = random_problem(name)
inputs = (*problem.tensors, torch.tensor(0.7, dtype=torch.float64, requires_grad=True))
ids, hot = torch.tensor([0, 3, 1, 1, 2]), torch.eye(4, dtype=torch.float64)[[0, 3, 1, 1, 2]]
noise = draw_noise(8, *problem.form.noise_shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def loss(*inputs):
    form, temperature = problem_of(name, inputs[:-1]).form, inputs[-1]
    return (
        mean_softmax_nll(form, noise, ids, temperature=temperature).sum()
        + 0.3 * log_mean_softmax(form, noise, temperature=temperature).square().sum()
        + 0.2 * mean_sigmoid_logits(form, noise, temperature=temperature).square().sum()
        + 0.1 * joint_sigmoid_nll(form, noise, hot, temperature=temperature).sum()
    )


def value_and_gradients(function):
    value = function(*inputs)
    return value, *torch.autograd.grad(value, inputs)


found = value_and_gradients(torch.compile(loss, fullgraph=True, backend=backend))
torch.testing.assert_close(found, value_and_gradients(loss), rtol=1e-9, atol=1e-12)
print("equal")
"""


def _run(backend: str, name: str) -> None:
    command = [sys.executable, "-c", PROGRAM, backend, name]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.stdout.strip() == "equal", done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["full", "parameter-efficient", "features, full", "features, parameter-efficient"])
def test_a_compiled_loss_has_the_value_and_the_gradients_of_the_plain_one(name: str) -> None:
    _run("aot_eager", name)


@pytest.mark.slow
def test_inductor_compiles_the_loss() -> None:
    _run("inductor", "full")
