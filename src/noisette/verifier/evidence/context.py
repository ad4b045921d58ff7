"""What the evidence verifier knows of a data set before any label is verified, as arrays.

Keys: "index/..." the bank of neighbours, "present" (K,), "whitening" and "whitening_mean"; and of the classifier's
stage that is used "weights", "intercepts", "channel", "right" (P(right class) of each row of the bank), "prior",
"centers", "whitened_centers", "class_mean", "class_deviation", and "center", "scale" and "prior_weights" of
`learner.Population`. Until a stage is chosen, its keys stand behind its name and a slash.
"""

from __future__ import annotations

import numpy as np

from noisette.neighbors import NeighborIndex, build_index
from noisette.types import ArrayTable, Float32Array, Float64Array, IntArray, Progress
from noisette.verifier.baselines.linear_models import folds_of_hashes
from noisette.verifier.baselines.row_samples import MAX_NUMBERS, sample_rows
from noisette.verifier.evidence.batch import Batch, log_probabilities, make_batches
from noisette.verifier.evidence.centers import class_centers
from noisette.verifier.evidence.class_statistics import class_statistics
from noisette.verifier.evidence.classifier import log_prior
from noisette.verifier.evidence.learner import Population
from noisette.verifier.evidence.measures import COPIED, FAMILIES, label_evidence, with_copies
from noisette.verifier.evidence.noise_channel import fit_noise_channel, right_classes
from noisette.verifier.evidence.softmax_regressions import learning_rows
from noisette.verifier.evidence.whitening import fit_whitening, whitened_rows
from noisette.verifier.folds import row_hashes
from noisette.verifier.inputs import Query, TrainingData, check_finite
from noisette.verifier.scorer import Arrays

STAGES = ("plain", "refined")
MAX_STATISTICS_ROWS = 1 << 13
"""Rows from which the spread of evidence in each class is learned."""
FULL_ROWS = 1 << 13
"""Rows up to which neighbours are compared in all columns, above it in the leading directions."""
EXACT_ROWS = 1 << 15
"""Rows up to which a query is compared with all of them, above it with those of the nearest cells, where these do."""
WHOLE_ROWS = 1 << 16
"""Rows of the bank at most where cells do not spare a query the others: its cost grows with them, votes gain little."""


def make_context(
    data: TrainingData, *, inverse_penalty: float | None, max_rounds: int, seed: int, progress: Progress
) -> Arrays:
    """Fit classifier, centres, index and statistics; verification labels are not looked at."""
    rng = np.random.default_rng(seed)
    limit = max(data.num_classes, MAX_NUMBERS // max(data.table.num_features, data.num_classes))
    rows = sample_rows(data.given_labels, limit, rng)
    features, labels, probs = data.table.take(rows), data.given_labels[rows], data.probs_of(rows)
    groups = None if data.duplicate_groups is None else data.duplicate_groups[rows]
    check_finite(features, rows)
    folds = folds_of_hashes(row_hashes(features))
    if probs is None:
        stages = fit_noise_channel(
            features,
            labels,
            folds,
            data.num_classes,
            learns=learning_rows(folds, groups),
            inverse_penalty=inverse_penalty,
            max_rounds=max_rounds,
            progress=progress,
        )
    else:
        stages = {"plain": _of_probabilities(probs, labels)}
    index = build_index(
        ArrayTable(features),
        center=False,
        labels=labels,
        exact_rows=EXACT_ROWS,
        full_rows=FULL_ROWS,
        whole_rows=WHOLE_ROWS,
        duplicate_groups=groups,
        random_state=seed,
        progress=progress,
    )
    context: Arrays = {"present": data.class_counts > 0, **fit_whitening(features)}
    context |= {f"index/{name}": array for name, array in index.to_arrays().items()}
    chosen = sample_rows(labels, MAX_STATISTICS_ROWS, rng)
    query = Query(features[chosen], labels[chosen], None if probs is None else probs[chosen])
    batches = list(make_batches(query, index, data.num_classes))
    whitened = whitened_rows(features, context)
    for name, stage in stages.items():
        votes = {"right": stage["right"][index.rows].astype(np.float16)}
        full = _with_centers(stage, folds, features, whitened) | votes
        full = _with_statistics(full, context, batches, data.num_classes)
        # Products of arrays laid out otherwise differ in last bits: a loaded verifier must give the same scores.
        context |= {f"{name}/{key}": np.ascontiguousarray(array) for key, array in full.items()}
    return context


def index_of(context: Arrays) -> NeighborIndex:
    """Give the bank of neighbours."""
    return NeighborIndex.from_arrays(_part(context, "index/"))


def population_of(context: Arrays) -> Population:
    """Give the spread of evidence over all samples."""
    return Population(context["center"], context["scale"], context["prior_weights"])


def stage_names(context: Arrays) -> list[str]:
    """Name the stages of which one is still to be chosen."""
    return [name for name in STAGES if f"{name}/prior" in context]


def stage_of(context: Arrays, name: str) -> Arrays:
    """Give the context as it would be with that stage chosen."""
    rest = {key: array for key, array in context.items() if not key.startswith(tuple(f"{s}/" for s in STAGES))}
    return rest | _part(context, f"{name}/")


def _of_probabilities(probs: Float64Array, labels: IntArray) -> Arrays:
    right, channel = right_classes(np.log(np.maximum(probs, 1e-12)), labels)
    return {"channel": channel.astype(np.float32), "right": right.astype(np.float32)}


def _with_centers(stage: Arrays, folds: IntArray, features: Float32Array, whitened: Float32Array) -> Arrays:
    right = stage["right"]
    centers = {"centers": class_centers(features, right, folds)}
    return stage | {"whitened_centers": class_centers(whitened, right, folds)} | centers


def _with_statistics(stage: Arrays, context: Arrays, batches: list[Batch], num_classes: int) -> Arrays:
    stage = stage | {"prior": log_prior([log_probabilities(batch, stage) for batch in batches])}
    evidence = np.concatenate([label_evidence(batch, context | stage) for batch in batches])
    labels = np.concatenate([batch.query.given_labels for batch in batches])
    mean, deviation = class_statistics(evidence[:, COPIED], labels, num_classes)
    stage |= {"class_mean": mean, "class_deviation": deviation}
    population = Population.of(with_copies(evidence, labels, stage), FAMILIES)
    return stage | {"center": population.center, "scale": population.scale, "prior_weights": population.prior}


def _part(context: Arrays, prefix: str) -> Arrays:
    return {key.removeprefix(prefix): array for key, array in context.items() if key.startswith(prefix)}
