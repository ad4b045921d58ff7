"""Heads in compilers and exporters, in a process of their own: no compiler traces the shape checks of the tests."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import nll_loss

from tests.contracts.head_problems import FORMS, labels, make_head, rows

BATCH = {"x": {0: torch.export.Dim("batch")}}
# A graph takes seconds to make: what does not depend on the form is tried on some of them.
COMPILED_FORMS = pytest.mark.parametrize("form", ["full", "parameter_efficient", "xl"])
BACKENDS = pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Callable[..., Any]]:
    """Runs a function of this file in another process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield lambda function, *arguments: pool.submit(function, *arguments).result()


def compiled(function: Callable[..., Any], backend: str) -> Callable[..., Any]:
    torch._dynamo.reset()
    found: Callable[..., Any] = torch.compile(function, backend=backend, fullgraph=True)
    return found


def evaluate(form: str, backend: str) -> None:
    head = make_head(form).eval()
    fast = compiled(head, backend)
    for count in (7, 5, 3):
        torch.testing.assert_close(fast(rows(count)), head(rows(count)), rtol=1e-5, atol=1e-5)


@COMPILED_FORMS
@BACKENDS
def test_evaluation_compiles_in_one_graph_for_several_batch_sizes(
    form: str, backend: str, elsewhere: Callable[..., Any]
) -> None:
    elsewhere(evaluate, form, backend)


def train(form: str, backend: str) -> None:
    # Compiled draws may be others than the eager ones of the same seed: many samples stand in for the same ones.
    head = make_head(form, num_train_samples=2048)
    parameters = list(head.parameters())

    def loss(x: Tensor, targets: Tensor) -> Tensor:
        return head.nll(x, targets)

    torch.manual_seed(0)
    fast, slow = compiled(loss, backend)(rows(), labels()), loss(rows(), labels())
    torch.testing.assert_close(fast, slow, rtol=0, atol=0.02)
    found = zip(torch.autograd.grad(fast, parameters), torch.autograd.grad(slow, parameters), strict=True)
    for one, other in found:
        torch.testing.assert_close(one, other, rtol=0, atol=0.03)
    output = compiled(head, backend)(rows())
    torch.testing.assert_close(output.exp().sum(1), torch.ones(7))
    torch.testing.assert_close(nll_loss(output, labels()), slow, rtol=0, atol=0.02)
    again = compiled(loss, backend)
    assert not torch.equal(again(rows(), labels()), again(rows(), labels()))  # no draw is baked into the graph


@COMPILED_FORMS
@BACKENDS
def test_training_compiles_in_one_graph_and_draws_anew_each_step(
    form: str, backend: str, elsewhere: Callable[..., Any]
) -> None:
    elsewhere(train, form, backend)


def export(form: str, strict: bool) -> None:
    head = make_head(form).eval()
    exported = torch.export.export(head, (rows(4),), dynamic_shapes=BATCH, strict=strict).module()
    for count in (1, 3, 64):
        torch.testing.assert_close(exported(rows(count)), head(rows(count)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("form", "strict"), [*((form, False) for form in FORMS), ("full", True), ("xl", True)])
def test_evaluation_exports_for_any_batch_size(form: str, strict: bool, elsewhere: Callable[..., Any]) -> None:
    elsewhere(export, form, strict)


def export_onnx(form: str, multilabel: bool, path: str) -> None:
    head = make_head(form, multilabel=multilabel).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own
        program = torch.onnx.export(head, (rows(4),), dynamo=True, dynamic_shapes=BATCH, verbose=False)
    assert program is not None
    program.save(path)


@pytest.mark.parametrize(("form", "multilabel"), [*((form, False) for form in FORMS), ("full", True), ("xl", True)])
def test_onnx_gives_the_same_numbers_for_any_batch_size(
    form: str, multilabel: bool, elsewhere: Callable[..., Any], tmp_path: Path
) -> None:
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    path = str(tmp_path / "head.onnx")
    elsewhere(export_onnx, form, multilabel, path)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name, head = session.get_inputs()[0].name, make_head(form, multilabel=multilabel).eval()
    for count in (1, 3, 64):
        found = torch.from_numpy(session.run(None, {name: rows(count).numpy()})[0])
        torch.testing.assert_close(found, head(rows(count)).detach(), rtol=1e-4, atol=1e-5)
