"""The slow search: every cosine in float64, one query after the other."""

from __future__ import annotations

import numpy as np

from noisette.neighbors import Neighbors


def unit(features: np.ndarray, mean: np.ndarray) -> np.ndarray:
    rows = features.astype(np.float64) - mean
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units: np.ndarray = rows / np.where(lengths > 0, lengths, 1)
    return units


def slow_search(
    bank: np.ndarray, queries: np.ndarray, k: int, *, center: bool = True, exclude_copies: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Give (B, k) positions (-1 where fewer) and cosines (-inf where fewer)."""
    mean = bank.astype(np.float64).mean(axis=0) if center else np.zeros(bank.shape[1])
    unit_bank, unit_queries = unit(bank, mean), unit(queries, mean)
    rows, cosines = np.full((len(queries), k), -1), np.full((len(queries), k), -np.inf)
    for i, query in enumerate(unit_queries):
        cosine = unit_bank @ query
        allowed = [j for j in range(len(bank)) if not (exclude_copies and (bank[j] == queries[i]).all())]
        best = sorted(allowed, key=lambda j: (-cosine[j], j))[:k]
        rows[i, : len(best)], cosines[i, : len(best)] = best, cosine[best]
    return rows, cosines


def check_neighbors(
    found: Neighbors, bank: np.ndarray, queries: np.ndarray, *, center: bool = True, exclude_copies: bool = False
) -> None:
    """Check that `found` is the slow search's answer; rows that are equally near up to rounding may change places."""
    k = found.rows.shape[1]
    _, cosines = slow_search(bank, queries, k, center=center, exclude_copies=exclude_copies)
    np.testing.assert_allclose(found.similarities, cosines, atol=2e-6)
    mean = bank.astype(np.float64).mean(axis=0) if center else np.zeros(bank.shape[1])
    unit_bank, unit_queries = unit(bank, mean), unit(queries, mean)
    for rows, cosine, query in zip(found.rows, cosines, unit_queries, strict=True):
        there = rows >= 0
        assert np.unique(rows[there]).size == there.sum()
        np.testing.assert_allclose(unit_bank[rows[there]] @ query, cosine[there], atol=2e-6)
        assert np.isneginf(cosine[~there]).all()
