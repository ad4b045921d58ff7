"""Several people on the same samples: how far they agree, and what they say together.

Ratings are a long list, so any sample may have any number of raters: row m says that rater `raters[m]` put sample
`samples[m]` into class `classes[m]`. P = number of raters, M of ratings. Everything here is deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_array
from scipy.special import logsumexp

from noisette.errors import InvalidInputError, ShapeError
from noisette.types import ArrayLike, Float64Array, IntArray, as_numpy

_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Ratings:
    """Who said what of which sample.

    Attributes:
        samples: (M,) row numbers in 0..N-1.
        raters: (M,) numbers in 0..P-1.
        classes: (M,) class ids in 0..K-1.
        num_samples: N.
        num_raters: P.
        num_classes: K.
    """

    samples: IntArray
    raters: IntArray
    classes: IntArray
    num_samples: int
    num_raters: int
    num_classes: int

    @classmethod
    def of(
        cls,
        samples: ArrayLike,
        raters: ArrayLike,
        classes: ArrayLike,
        *,
        num_samples: int | None = None,
        num_raters: int | None = None,
        num_classes: int | None = None,
    ) -> Ratings:
        """Check a list of ratings; a number that is not given is the highest that occurs, plus one.

        Raises:
            ShapeError: the three are not (M,) each.
            InvalidInputError: a number lies outside of its range.
        """
        columns = {"samples": samples, "raters": raters, "classes": classes}
        given = {"samples": num_samples, "raters": num_raters, "classes": num_classes}
        found = {name: as_numpy(values).astype(np.int64) for name, values in columns.items()}
        if len({array.shape for array in found.values()}) > 1 or found["samples"].ndim != 1:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in found.items())
            raise ShapeError(f"`samples`, `raters` and `classes` must have one shape (M,), got {shapes}")
        sizes = {}
        for name, array in found.items():
            size = given[name]
            sizes[f"num_{name}"] = limit = int(array.max(initial=-1)) + 1 if size is None else size
            if array.size and not (0 <= array.min() and array.max() < limit):
                raise InvalidInputError(f"`{name}` must lie in 0..{limit - 1}, got {array.min()}..{array.max()}")
        return cls(found["samples"], found["raters"], found["classes"], **sizes)

    def counts(self) -> IntArray:
        """Give (N, K): how many raters put each sample into each class."""
        flat = np.bincount(
            self.samples * self.num_classes + self.classes, minlength=self.num_samples * self.num_classes
        )
        counts: IntArray = flat.reshape(self.num_samples, self.num_classes).astype(np.int64)
        return counts


@dataclass(frozen=True, eq=False)
class Consensus:
    """What the raters say together.

    Attributes:
        labels: (N,) class ids; -1 where nobody rated the sample.
        confidence: (N,) P(that label is right), in [0, 1]; for a vote the share that it got; NaN where nobody rated.
        reliability: (P,) expected share of a rater's ratings that are right, in [0, 1], high is good; NaN without any.
    """

    labels: IntArray
    confidence: Float64Array
    reliability: Float64Array


def fleiss_kappa(counts: ArrayLike) -> float:
    """Measure how far raters agree beyond chance: 1 = always, 0 = as by chance, below 0 = less than that.

    Samples may have different numbers of raters: agreement is the mean over samples with two or more, chance comes from
    the mean over samples with one or more of the shares of the classes (Gwet, Handbook of Inter-Rater Reliability,
    2014, ch. 2). With equal numbers that is Fleiss (1971).

    Args:
        counts: (N, K) how many raters put each sample into each class, >= 0.

    Returns:
        NaN where no sample has two raters, or all ratings are of one class: then nothing tells agreement from chance.

    Raises:
        ShapeError: `counts` is not (N, K).
        InvalidInputError: a count is negative.

    Example:
        >>> round(fleiss_kappa([[2, 0], [0, 2], [1, 1]]), 4)
        0.3333
    """
    table = as_numpy(counts).astype(np.float64)
    if table.ndim != 2:
        raise ShapeError(f"`counts` must have shape (N, K), got {table.shape}")
    if table.size and table.min() < 0:
        raise InvalidInputError(f"`counts` must be 0 or more, got {table.min():g}")
    raters = table.sum(axis=1)
    rated, several = raters > 0, raters > 1
    if not several.any():
        return float("nan")
    pairs = (table[several] * (table[several] - 1)).sum(axis=1)
    agreement = float(np.mean(pairs / (raters[several] * (raters[several] - 1))))
    chance = float(np.square((table[rated] / raters[rated, None]).mean(axis=0)).sum())
    return float("nan") if chance >= 1 else (agreement - chance) / (1 - chance)


def majority_consensus(ratings: Ratings) -> Consensus:
    """Let the raters vote; a tie goes to the class among the tied ones that was rated last.

    Example:
        >>> ratings = Ratings.of([0, 0, 0, 1, 1], [0, 1, 2, 0, 1], [1, 1, 0, 0, 2], num_samples=3)
        >>> majority_consensus(ratings).labels.tolist(), majority_consensus(ratings).confidence.tolist()[:2]
        ([1, 2, -1], [0.6666666666666666, 0.5])
    """
    counts = ratings.counts()
    last = np.full(counts.shape, -1, dtype=np.int64)
    np.maximum.at(last, (ratings.samples, ratings.classes), np.arange(ratings.samples.size))
    most = counts.max(axis=1, initial=0)
    total = counts.sum(axis=1)
    if not counts.size:
        labels = np.full(ratings.num_samples, -1, dtype=np.int64)
    else:
        labels = np.where(total > 0, np.where(counts == most[:, None], last, -2).argmax(axis=1), -1)
    confidence = np.where(total > 0, most / np.maximum(total, 1), np.nan)
    is_right = labels[ratings.samples] == ratings.classes
    return Consensus(labels.astype(np.int64), confidence, _mean_of_raters(ratings, is_right.astype(np.float64)))


def weighted_consensus(
    ratings: Ratings,
    class_probabilities: ArrayLike | None = None,
    *,
    smoothing: float = 10.0,
    max_rounds: int = 100,
    tolerance: float = 1e-5,
) -> Consensus:
    """Weigh the raters by how reliable they turn out to be, class by class (Dawid and Skene, 1979), with smoothing.

    EM: given P(class) of every sample, each rater's confusion matrix (what he says of samples of each class) is
    counted; given those, P(class) follows by Bayes. Few ratings do not make a matrix: `smoothing` pseudo-ratings a
    class come from the matrix of all raters together, and that one takes as many from a rater who is right equally
    often in every class and errs evenly. With one rating a sample, nothing tells raters apart, and the ratings
    themselves come back.

    Args:
        ratings: who said what.
        class_probabilities: (N, K) what a model says of the samples, each row a distribution, from a model that had not
            seen the sample's own ratings; None = only how frequent the classes are. Its probabilities are raised to a
            power that is learned here, too, so a model that is too sure of itself does not outweigh the raters.
        smoothing: pseudo-ratings a class, above 0.
        max_rounds: rounds of EM at most.
        tolerance: it ends when no probability changes by more.

    Returns:
        Labels with their probabilities. A sample that nobody rated has none, whatever the model says.

    Raises:
        ShapeError: `class_probabilities` is not (N, K).
        InvalidInputError: a probability is negative or not finite, or `smoothing` is not above 0.
    """
    prior = _log_model(class_probabilities, ratings)
    if not 0 < smoothing < np.inf:
        raise InvalidInputError(f"`smoothing` must be above 0, got {smoothing}")
    counts = ratings.counts()
    rated = counts.sum(axis=1) > 0
    if not rated.any():
        return majority_consensus(ratings)
    by_sample = _sums(ratings.samples, ratings.num_samples)
    by_said = _sums(ratings.raters * ratings.num_classes + ratings.classes, ratings.num_raters * ratings.num_classes)
    beliefs = (counts + 1 / ratings.num_classes) / (counts.sum(axis=1, keepdims=True) + 1)
    for _ in range(max_rounds):
        confusion = _confusion(by_said @ beliefs[ratings.samples], smoothing)
        said = np.log(confusion)[ratings.raters, :, ratings.classes]
        evidence = _class_log_odds(prior, beliefs, rated) + by_sample @ said
        before, beliefs = beliefs, np.exp(evidence - logsumexp(evidence, axis=1, keepdims=True))
        if np.abs(beliefs - before)[rated].max() < tolerance:
            break
    labels = np.where(rated, beliefs.argmax(axis=1), -1)
    right = beliefs[ratings.samples, ratings.classes]
    confidence = np.where(rated, beliefs.max(axis=1), np.nan)
    return Consensus(labels.astype(np.int64), confidence, _mean_of_raters(ratings, right))


def _sums(rows: IntArray, num_rows: int) -> csr_array:
    """Give (num_rows, M) ones and zeros that add up, for each row, the ratings that belong to it."""
    size = rows.size
    return csr_array((np.ones(size), (rows, np.arange(size))), shape=(num_rows, size))


def _confusion(said: Float64Array, smoothing: float) -> Float64Array:
    """Give (P, K, K): P(rater says j | class k), smoothed towards all raters together.

    Args:
        said: (P K, K) how much of each class is in what a rater called j, a row a rater and j.
        smoothing: pseudo-ratings a class.
    """
    size = said.shape[1]
    counts = said.reshape(-1, size, size).transpose(0, 2, 1)
    pooled = counts.sum(axis=0)
    accuracy = (np.trace(pooled) + 1) / (pooled.sum() + 2)
    even = np.full((size, size), (1 - accuracy) / max(size - 1, 1))
    np.fill_diagonal(even, accuracy if size > 1 else 1.0)
    pooled = (pooled + smoothing * even) / (pooled.sum(axis=1, keepdims=True) + smoothing)
    smoothed: Float64Array = (counts + smoothing * pooled) / (counts.sum(axis=2, keepdims=True) + smoothing)
    return smoothed


def _class_log_odds(prior: Float64Array | None, beliefs: Float64Array, rated: np.ndarray) -> Float64Array:
    """Give (N, K) log P(class) before any rating: of the class frequencies, or of the model at its best power."""
    if prior is None:
        frequency = (beliefs[rated].sum(axis=0) + 1) / (rated.sum() + beliefs.shape[1])
        return np.tile(np.log(frequency), (beliefs.shape[0], 1))
    model, belief = prior[rated], beliefs[rated]

    def loss(power: float) -> float:
        scaled = power * model
        return float((logsumexp(scaled, axis=1) - (belief * scaled).sum(axis=1)).mean())

    power = minimize_scalar(loss, bounds=(0.0, 5.0), method="bounded", options={"xatol": 1e-3}).x
    scaled = power * prior
    normal: Float64Array = scaled - logsumexp(scaled, axis=1, keepdims=True)
    return normal


def _log_model(class_probabilities: ArrayLike | None, ratings: Ratings) -> Float64Array | None:
    if class_probabilities is None:
        return None
    given: Float64Array = as_numpy(class_probabilities).astype(np.float64)
    if given.shape != (ratings.num_samples, ratings.num_classes):
        expected = (ratings.num_samples, ratings.num_classes)
        raise ShapeError(f"`class_probabilities` must have shape {expected}, got {given.shape}")
    if not np.isfinite(given).all() or (given < 0).any():
        raise InvalidInputError("`class_probabilities` must be finite and 0 or more")
    # One in a million of doubt: a model that says "impossible" must not overrule everybody.
    logs: Float64Array = np.log(np.maximum(given / np.maximum(given.sum(axis=1, keepdims=True), _TINY), 1e-6))
    return logs


def _mean_of_raters(ratings: Ratings, values: Float64Array) -> Float64Array:
    total = np.bincount(ratings.raters, weights=values, minlength=ratings.num_raters)
    count = np.bincount(ratings.raters, minlength=ratings.num_raters)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
