from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from noisette.functional import cosine_matrix
from noisette.types import Float32Array
from noisette.verifier.cleannet.network import CleanNet
from noisette.verifier.cleannet.scorer import CleanNetScorer
from noisette.verifier.inputs import Query

D, K = 40, 5


def features(size: int = 60, seed: int = 0) -> Float32Array:
    return np.random.default_rng(seed).random((size, D)).astype(np.float32)


def fitted(how: Any, values: Float32Array) -> tuple[CleanNet, CleanNetScorer]:
    generator = torch.Generator().manual_seed(0)
    net = CleanNet(D, how, generator=generator)
    net.fit_normalization(torch.from_numpy(values))
    with torch.no_grad():
        for parameter in net.query_encoder.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)  # biases are not 0 once trained
    references = torch.from_numpy(np.stack([values[k::K][:4] for k in range(K)]))
    references[3] = torch.nan
    return net, CleanNetScorer(net, net.embed_references(references))


@pytest.mark.parametrize("how", ["log", "l2", "none", "auto"])
@pytest.mark.parametrize(
    ("scale", "shift"),
    [(1.0, 0.0), (1e-3, 0.0), (1e4, 0.0), (1.0, 30.0)],
    ids=["plain", "small", "large", "narrow cone"],
)
def test_the_fast_path_gives_what_the_network_gives(
    how: Any, scale: float, shift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = scale * features() + np.float32(shift)
    net, scorer = fitted(how, values)
    labels = np.arange(60) % 3
    with torch.no_grad():
        expected = cosine_matrix(net.embed_queries(torch.from_numpy(values)), scorer.class_embeddings).double().numpy()
    monkeypatch.setattr("noisette.verifier.cleannet.scorer.CHUNK_NUMBERS", 7 * D)
    query = Query(values, labels)
    np.testing.assert_allclose(scorer.score(query), expected[np.arange(60), labels], atol=2e-5)
    found = scorer.score_classes(query)
    assert (found[:, 3] == -np.inf).all()
    np.testing.assert_allclose(found[:, [0, 1, 2, 4]], expected[:, [0, 1, 2, 4]], atol=2e-5)


@pytest.mark.parametrize("how", ["log", "l2", "none", "auto"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bad_row_scores_nan_and_no_other_row_does(how: Any, bad: float) -> None:
    values = features()
    _, scorer = fitted(how, values)
    values[[7, 20], [3, 0]] = bad
    scores = scorer.score(Query(values, np.zeros(60, dtype=np.int64)))
    assert np.flatnonzero(np.isnan(scores)).tolist() == [7, 20]


@pytest.mark.parametrize("value", [-1.0, -2.0])
def test_features_that_have_no_logarithm_score_nan(value: float) -> None:
    values = features()
    _, scorer = fitted("log", values)
    values[5, 5] = value
    scores = scorer.score(Query(values, np.zeros(60, dtype=np.int64)))
    assert np.flatnonzero(np.isnan(scores)).tolist() == [5]


def test_the_zero_vector_has_a_score() -> None:
    for how in ("log", "l2", "none", "auto"):
        net, scorer = fitted(how, features())
        zero = np.zeros((1, D), dtype=np.float32)
        with torch.no_grad():
            expected = cosine_matrix(net.embed_queries(torch.from_numpy(zero)), scorer.class_embeddings)[0, 0].item()
        assert scorer.score(Query(zero, np.zeros(1, dtype=np.int64))) == pytest.approx([expected], abs=1e-5)


def test_read_only_features_and_no_rows() -> None:
    values = features()
    _, scorer = fitted("auto", values)
    values.flags.writeable = False
    assert scorer.score(Query(values, np.zeros(60, dtype=np.int64))).shape == (60,)
    nothing = Query(values[:0], np.zeros(0, dtype=np.int64))
    assert scorer.score(nothing).shape == (0,)
    assert scorer.score_classes(nothing).shape == (0, K)


def test_suggesting_after_scoring_embeds_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _, scorer = fitted("auto", features())
    calls: list[int] = []
    original = scorer._embed_chunk

    def count(chunk: torch.Tensor, scratch: torch.Tensor) -> torch.Tensor:
        calls.append(len(chunk))
        return original(chunk, scratch)

    monkeypatch.setattr(scorer, "_embed_chunk", count)
    first, second = (Query(features(seed=s), np.zeros(60, dtype=np.int64)) for s in (1, 2))
    scorer.score(first)
    scorer.score_classes(first)
    assert calls == [60]
    assert not np.array_equal(scorer.score(first), scorer.score(second))
    assert calls == [60, 60]


@pytest.mark.parametrize("how", ["log", "auto"])
def test_arrays_restore_the_same_scores(how: Any) -> None:
    _, scorer = fitted(how, features())
    again = CleanNetScorer.from_arrays(scorer.to_arrays(), how)
    query = Query(features(seed=3), np.arange(60) % 3)
    np.testing.assert_array_equal(again.score(query), scorer.score(query))
    np.testing.assert_array_equal(again.score_classes(query), scorer.score_classes(query))
