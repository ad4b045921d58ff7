"""Evidence of the verified pairs, measured once for the learners of all folds."""

from __future__ import annotations

import numpy as np

from noisette.types import Float64Array
from noisette.verifier.evidence.batch import make_batches
from noisette.verifier.evidence.context import index_of
from noisette.verifier.evidence.measures import label_evidence, with_copies
from noisette.verifier.inputs import Query, TrainingData, VerifiedPairs
from noisette.verifier.scorer import Arrays


class PairEvidence:
    """Evidence, with class-standardised copies, of each (row, label) pair of a data set that is verified.

    Args:
        context: with a stage chosen.
        data: the training data.
    """

    def __init__(self, context: Arrays, data: TrainingData) -> None:
        pairs = data.pairs()
        self.num_classes = data.num_classes
        self.keys, first = np.unique(pairs.keys(self.num_classes), return_index=True)
        rows, labels = pairs.rows[first], pairs.labels[first]
        query = Query(data.table.take(rows), labels, data.probs_of(rows))
        batches = make_batches(query, index_of(context), data.num_classes)
        evidence = np.concatenate([label_evidence(batch, context) for batch in batches])
        self.values = with_copies(evidence, labels, context)

    def of(self, pairs: VerifiedPairs) -> Float64Array:
        """Give the (len(pairs), E) evidence of some of the pairs."""
        return self.values[np.searchsorted(self.keys, pairs.keys(self.num_classes))]
