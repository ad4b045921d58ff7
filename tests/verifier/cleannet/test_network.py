from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from noisette.errors import InvalidInputError, ShapeError
from noisette.functional import cleannet_loss, cosine_similarity
from noisette.verifier.cleannet.network import CleanNet
from noisette.verifier.cleannet.normalization import check_normalization
from tests import shared_data
from tests.oracles import cleannet as oracle

GOLDEN = shared_data.GOLDEN / "small_log.npz"
WEIGHT_DECAY = 1e-4


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def golden() -> dict[str, npt.NDArray[Any]]:
    if not GOLDEN.exists():
        pytest.skip(f"needs {GOLDEN}, the reference values")
    with np.load(GOLDEN) as arrays:
        return {name: arrays[name] for name in arrays.files}


def weights_of(golden: dict[str, npt.NDArray[Any]], prefix: str) -> dict[str, npt.NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in golden.items() if name.startswith(prefix)}


def golden_net(golden: dict[str, npt.NDArray[Any]]) -> CleanNet:
    net = CleanNet(64, normalization="log")
    net.load_reference_weights(weights_of(golden, "w0/"))
    return net


def golden_loss(net: CleanNet, golden: dict[str, npt.NDArray[Any]]) -> torch.Tensor:
    query, references = torch.from_numpy(golden["query"]), torch.from_numpy(golden["reference"])
    embedding = net.embed_queries(query)
    similarity = cosine_similarity(embedding, net.embed_references(references))
    labels = torch.where(torch.from_numpy(golden["vflag"]) == 1, torch.from_numpy(golden["vlabel"]), -1.0)
    return cleannet_loss(similarity, labels, net.normalize(query), net.reconstruct(embedding)).mean()


def test_parity_forward(golden: dict[str, npt.NDArray[Any]]) -> None:
    net = golden_net(golden)
    query = torch.from_numpy(golden["query"])
    embedding = net.embed_queries(query)
    classes = net.embed_references(torch.from_numpy(golden["reference"]))
    for name, found in {
        "v_q": net.normalize(query),
        "phi_q": embedding,
        "phi_s": classes,
        "cos_sim": cosine_similarity(embedding, classes),
        "v_qr": net.reconstruct(embedding),
    }.items():
        np.testing.assert_allclose(found.detach().numpy(), golden[name], rtol=0, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(golden_loss(net, golden).item(), golden["objective_loss"], rtol=1e-5)


def test_parity_gradients_and_three_steps(golden: dict[str, npt.NDArray[Any]]) -> None:
    net = golden_net(golden)
    matrices = [p for p in net.parameters() if p.ndim == 2]
    vectors = [p for p in net.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=0.01, momentum=0.9)
    for step in range(1, 4):
        optimizer.zero_grad()
        golden_loss(net, golden).backward()
        if step == 1:
            assert_gradients(net, weights_of(golden, "grad0/"))
        optimizer.step()
        for name, array in net.reference_weights().items():
            np.testing.assert_allclose(array, golden[f"w{step}/{name}"], rtol=0, atol=1e-6, err_msg=name)


def assert_gradients(net: CleanNet, expected: dict[str, npt.NDArray[Any]]) -> None:
    """The reference gradients hold the L2 term, which the optimiser adds here."""
    shell = CleanNet(64)
    with torch.no_grad():
        for holder, parameter in zip(shell.parameters(), net.parameters(), strict=True):
            assert parameter.grad is not None
            holder.copy_(parameter.grad + (WEIGHT_DECAY * parameter if parameter.ndim == 2 else 0.0))
    for name, gradient in shell.reference_weights().items():
        np.testing.assert_allclose(gradient, expected[name], rtol=0, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(("how", "size"), [("log", 5), ("l2", 9), ("none", 300)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_a_loop_over_classes_and_references(how: Any, size: int, dtype: torch.dtype) -> None:
    net = CleanNet(size, how, generator=seeded()).to(dtype)
    weights = {name: array.astype(np.float64) for name, array in net.reference_weights().items()}
    references, queries = torch.rand(3, 4, size, generator=seeded(1)), torch.rand(6, size, generator=seeded(2))
    references[0, 1] = references[2, 1:] = torch.nan
    queries[3] = 0.0
    classes, embeddings = net.embed_references(references), net.embed_queries(queries)
    for k in range(3):
        expected = oracle.class_embedding(references[k].double().numpy(), weights, how)
        np.testing.assert_allclose(classes[k].detach().numpy(), expected, atol=1e-5)
    for i in range(6):
        expected = oracle.query_embedding(queries[i].double().numpy(), weights, how)
        np.testing.assert_allclose(embeddings[i].detach().numpy(), expected, atol=1e-5)
        rebuilt = net.reconstruct(embeddings[i : i + 1])[0].detach().numpy()
        np.testing.assert_allclose(rebuilt, oracle.reconstruction(expected, weights), atol=1e-5)


@pytest.mark.parametrize("how", ["log", "l2", "none", "auto"])
def test_gradients_flow_through_queries_and_references(how: Any) -> None:
    net = CleanNet(4, how, generator=seeded()).double()
    net.fit_normalization(torch.rand(20, 4, generator=seeded(3)))
    queries = torch.rand(2, 4, generator=seeded(1), dtype=torch.float64).requires_grad_()
    references = torch.rand(2, 3, 4, generator=seeded(2), dtype=torch.float64).requires_grad_()

    def similarity(q: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
        return cosine_similarity(net.embed_queries(q), net.embed_references(r))

    assert torch.autograd.gradcheck(similarity, (queries, references))
    assert torch.autograd.gradcheck(lambda q: net.reconstruct(net.embed_queries(q)), (queries,))


@pytest.mark.parametrize("how", ["log", "l2", "none", "auto"])
def test_a_class_without_references_is_nan_and_poisons_nobody(how: Any) -> None:
    net = CleanNet(6, how, generator=seeded())
    references = torch.rand(3, 4, 6, generator=seeded(1))
    alone = net.embed_references(references[:1, :2])
    references[0, 2:] = torch.nan
    references[1] = torch.nan
    references.requires_grad_()
    classes = net.embed_references(references)
    assert classes.isnan().all(dim=1).tolist() == [False, True, False]
    torch.testing.assert_close(classes[:1], alone)
    classes[[0, 2]].sum().backward()
    assert references.grad is not None
    assert references.grad[[0, 2]].isfinite().all()
    assert (references.grad[1] == 0).all()
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in net.parameters())


def test_no_classes_and_no_queries() -> None:
    net = CleanNet(6, generator=seeded())
    assert net.embed_references(torch.empty(0, 4, 6)).shape == (0, 128)
    assert net.embed_queries(torch.empty(0, 6)).shape == (0, 128)


@pytest.mark.parametrize(
    "features",
    [
        pytest.param(torch.rand(9, 8, generator=seeded()) * 3, id="all-positive"),
        pytest.param(torch.randn(9, 8, generator=seeded()) * 5, id="signed"),
        pytest.param(torch.nn.functional.normalize(torch.randn(9, 8, generator=seeded()), dim=1), id="unit-norm"),
        pytest.param(torch.zeros(9, 8), id="all zero"),
    ],
)
def test_auto_takes_any_features(features: torch.Tensor) -> None:
    net = CleanNet(8)
    for fitted in (False, True):
        if fitted:
            net.fit_normalization(features)
        normalized = net.normalize(features)
        lengths = normalized.norm(dim=1)
        assert ((lengths - 1).abs() < 1e-5).all() or not features.any()
        assert net.embed_queries(features).isfinite().all()


def test_the_centre_is_the_mean_direction_of_the_rows_that_exist() -> None:
    net = CleanNet(2)
    net.fit_normalization(torch.tensor([[2.0, 0.0], [0.0, 5.0], [torch.nan, 1.0]]))
    torch.testing.assert_close(net.centre, torch.tensor([0.5, 0.5]))
    net.fit_normalization(torch.empty(0, 2))
    torch.testing.assert_close(net.centre, torch.zeros(2))


def test_log_of_features_below_minus_one_names_the_alternatives() -> None:
    net = CleanNet(3, "log")
    with pytest.raises(InvalidInputError, match=r"features > -1 .*got -2; use 'auto', 'l2' or 'none'"):
        net.embed_queries(torch.tensor([[0.0, 1.0, -2.0]]))


def test_dropout_acts_in_training_only_and_follows_its_generator() -> None:
    net = CleanNet(6, dropout=0.5, generator=seeded())
    references = torch.rand(2, 4, 6, generator=seeded(1))
    first, again, other = (net.embed_references(references, generator=seeded(s)) for s in (1, 1, 2))
    torch.testing.assert_close(first, again)
    assert not torch.allclose(first, other)
    net.eval()
    torch.testing.assert_close(net.embed_references(references), net.embed_references(references))


def test_a_seeded_network_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    first, second = CleanNet(6, generator=seeded()), CleanNet(6, generator=seeded())
    assert torch.equal(before, torch.get_rng_state())
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_reference_weights_round_trip() -> None:
    first, second = CleanNet(6, generator=seeded()), CleanNet(6, generator=seeded(1))
    weights = first.reference_weights()
    assert len(weights) == 17
    assert weights["query_encoder/fully_connected/weights"].shape == (6, 256)
    second.load_reference_weights(weights)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_wrong_weights_are_named_and_nothing_is_loaded() -> None:
    net = CleanNet(6, generator=seeded())
    weights = net.reference_weights()
    before = [p.clone() for p in net.parameters()]
    context = weights.pop("ref_set_encoder/context")
    with pytest.raises(InvalidInputError, match=r"17 variables.* missing: ref_set_encoder/context; leave out"):
        net.load_reference_weights(weights)
    with pytest.raises(InvalidInputError, match="unknown: global_step"):
        net.load_reference_weights({**weights, "ref_set_encoder/context": context, "global_step": np.zeros(())})
    weights = {name: np.zeros_like(array) for name, array in weights.items()}
    with pytest.raises(ShapeError, match=r"ref_set_encoder/context'\]` must have shape \(256,\), got \(5,\)"):
        net.load_reference_weights({**weights, "ref_set_encoder/context": np.zeros(5)})
    name = "query_encoder/fully_connected/weights"
    with pytest.raises(ShapeError, match=r"must have shape \(6, 256\) as \(in, out\), got \(256, 6\)"):
        net.load_reference_weights({**weights, "ref_set_encoder/context": context, name: np.zeros((256, 6))})
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), before, strict=True))


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(InvalidInputError, match="`normalization` must be one of 'log', 'l2', 'none', 'auto', got 'L2'"):
        check_normalization("L2")
    with pytest.raises(InvalidInputError, match=r"`dropout` must lie in \[0, 1\), got 1.0"):
        CleanNet(6, dropout=1.0)
    with pytest.raises(InvalidInputError, match="`in_features` must be at least 1, got 0"):
        CleanNet(0)
    net = CleanNet(6)
    # Unwrapped, because the type checker of the test run would speak first.
    with pytest.raises(ShapeError, match=r"`features` must have shape \(N, 6\), got \(3, 5\); was the backbone"):
        inspect.unwrap(CleanNet.embed_queries)(net, torch.zeros(3, 5))
    with pytest.raises(ShapeError, match=r"`references` must have shape \(K, R, 6\), got \(3, 6\)"):
        inspect.unwrap(CleanNet.embed_references)(net, torch.zeros(3, 6))
    with pytest.raises(ShapeError, match=r"`query_embeddings` must have shape \(B, 128\), got \(3, 6\)"):
        inspect.unwrap(CleanNet.reconstruct)(net, torch.zeros(3, 6))
