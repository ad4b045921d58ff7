"""Votes and density against loops from their definitions."""

from __future__ import annotations

import numpy as np

from noisette.neighbors import Neighbors
from noisette.types import Float64Array, IntArray
from noisette.verifier.evidence.density import IMAGINED, NUM_NEIGHBORS, density_evidence
from noisette.verifier.evidence.votes import SCALES, Ballot, vote_evidence, vote_shares


def example(num_rows: int = 7, bank: int = 300, classes: int = 3) -> tuple[Neighbors, Float64Array]:
    rng = np.random.default_rng(0)
    rows = np.stack([rng.permutation(bank)[: SCALES[-1]] for _ in range(num_rows)])
    similarities = -np.sort(-rng.random(rows.shape), axis=1).astype(np.float32)
    return Neighbors(rows, similarities), rng.dirichlet(np.ones(classes), bank)


def share_by_hand(right: Float64Array, rows: IntArray, scale: int) -> Float64Array:
    """Votes of the nearest `scale`, the r-th of which has 1 / r."""
    total = sum(1 / rank for rank in range(1, scale + 1))
    votes = [right[row] / (place + 1) for place, row in enumerate(rows[:scale].tolist())]
    return np.asarray(np.sum(votes, axis=0) / total)


def test_shares_are_means_over_the_nearest_in_which_near_ones_count_more() -> None:
    found, right = example()
    for scale, share in zip(SCALES, vote_shares(Ballot.of(found, right)), strict=True):
        expected = [share_by_hand(right, rows, scale) for rows in found.rows]
        np.testing.assert_allclose(share, expected, rtol=1e-5)
        np.testing.assert_allclose(share.sum(axis=1), 1.0, rtol=1e-5)


def test_missing_neighbours_do_not_vote() -> None:
    found, right = example()
    rows = np.where(np.arange(SCALES[-1]) < 4, found.rows, -1)
    shares = vote_shares(Ballot.of(Neighbors(rows, found.similarities), right))
    cast = sum(1 / rank for rank in range(1, 5)) / sum(1 / rank for rank in range(1, 11))
    np.testing.assert_allclose(shares[0], [share_by_hand(right, row, 4) * cast for row in rows], rtol=1e-5)


def test_more_votes_never_lower_a_ratio() -> None:
    shares = [np.array([[0.2, 0.5, 0.3], [0.3, 0.4, 0.3]])] * 3
    ratio, share, *_ = vote_evidence(shares)
    assert ratio[1, 0] > ratio[0, 0]
    assert share is shares[0]


def test_density_is_the_weighted_mean_gain_in_similarity() -> None:
    found, right = example()
    (density,) = density_evidence(found, Ballot.of(found, right))
    for row in range(len(found.rows)):
        gain = found.similarities[row, :NUM_NEIGHBORS] - found.similarities[row, -1]
        for label in range(3):
            weight = right[found.rows[row, :NUM_NEIGHBORS], label]
            np.testing.assert_allclose(density[row, label], gain @ weight / (weight.sum() + IMAGINED), rtol=1e-4)


def test_a_sample_without_neighbours_has_no_density() -> None:
    found = Neighbors(np.full((1, 200), -1), np.full((1, 200), -np.inf, dtype=np.float32))
    (density,) = density_evidence(found, Ballot.of(found, np.ones((5, 2)) / 2))
    assert density.tolist() == [[0.0, 0.0]]
