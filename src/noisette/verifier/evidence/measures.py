"""All evidence for and against a label, family by family, in a fixed order of columns. High speaks for the label."""

from __future__ import annotations

import numpy as np

from noisette.types import Float64Array, IntArray
from noisette.verifier.baselines.linear_models import folds_of_hashes
from noisette.verifier.evidence.batch import Batch, log_probabilities
from noisette.verifier.evidence.centers import center_evidence
from noisette.verifier.evidence.class_statistics import standardize
from noisette.verifier.evidence.classifier import channel_evidence, classifier_evidence
from noisette.verifier.evidence.density import density_evidence
from noisette.verifier.evidence.votes import SCALES, Ballot, vote_evidence, vote_shares
from noisette.verifier.evidence.whitening import whitened_rows
from noisette.verifier.scorer import Arrays

COLUMNS = (
    "log_probability",
    "margin",
    *(f"{kind}_{scale}" for scale in SCALES for kind in ("vote_ratio", "vote_share")),
    "cosine",
    "cosine_margin",
    "whitened_cosine",
    "whitened_margin",
    "density",
    "channel_ratio",
)
"""Names of the columns of `label_evidence`."""
COPIED = np.array([COLUMNS.index(name) for name in ("log_probability", "margin", "vote_ratio_50", "cosine_margin")])
"""Columns of which the learner sees a class-standardised copy, too."""
FAMILIES = ((0, 1), *((2 + 2 * i, 3 + 2 * i) for i in range(len(SCALES))), (8, 9), (10, 11), (12,), (13,))
"""Columns that say nearly the same: each family has one vote before any label is verified."""


def class_evidence(batch: Batch, context: Arrays, logs: Float64Array | None = None) -> list[Float64Array]:
    """Give every kind of evidence but the last with every class as the label, (B, K) each.

    Args:
        batch: the samples.
        context: what `EvidenceVerifier` knows of the data set.
        logs: (B, K) `log_probabilities` of the batch, where they are at hand.
    """
    logs = log_probabilities(batch, context) if logs is None else logs
    ballot, folds = Ballot.of(batch.neighbors, context["right"]), folds_of_hashes(batch.query.hashes)
    return [
        *classifier_evidence(logs, context["prior"]),
        *vote_evidence(vote_shares(ballot)),
        *center_evidence(batch.unit, context["centers"], folds),
        *center_evidence(whitened_rows(batch.features, context), context["whitened_centers"], folds),
        *density_evidence(batch.neighbors, ballot),
    ]


def label_evidence(batch: Batch, context: Arrays) -> Float64Array:
    """Give the evidence for the given labels, (B, len(COLUMNS))."""
    logs = log_probabilities(batch, context)
    return evidence_of_labels(batch, context, logs, class_evidence(batch, context, logs))


def evidence_of_labels(batch: Batch, context: Arrays, logs: Float64Array, kinds: list[Float64Array]) -> Float64Array:
    """Give the same from what `log_probabilities` and `class_evidence` say of the batch."""
    labels = batch.query.given_labels
    columns = [kind[batch.rows, labels] for kind in kinds]
    return np.column_stack([*columns, channel_evidence(logs, labels, context["channel"].astype(np.float64))])


def with_copies(evidence: Float64Array, labels: IntArray, context: Arrays) -> Float64Array:
    """Append the class-standardised copies to (B, E) evidence."""
    copies = standardize(evidence[:, COPIED], labels, context["class_mean"], context["class_deviation"])
    return np.concatenate([evidence, copies], axis=1)
