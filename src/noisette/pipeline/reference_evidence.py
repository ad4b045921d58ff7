"""What the references say of a sample: of which class is the reference nearest to it?"""

from __future__ import annotations

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from noisette.pipeline.labelled import LabelledFeatures
from noisette.pipeline.workspace import Workspace
from noisette.types import NOT_KNOWN, Float32Array, IntArray
from noisette.verifier.baselines.class_means import unit_rows

_ROUNDING = 1e-5  # K-means takes the mean of all rows off and adds it again


def nearest_references(workspace: Workspace, labelled: LabelledFeatures, rows: IntArray) -> IntArray:
    """Give the class (R,) of the reference with the largest cosine to each of some rows; -1 = there is none.

    A reference that is the row itself does not count: a small class has its own rows as references, and an outlier is
    the centre of its own cluster. Both would speak for the given label, right or wrong. Where the workspace has no
    references, or those of other features or classes, there is none for any row.
    """
    nothing = np.full(rows.size, NOT_KNOWN, dtype=np.int64)
    try:
        references = load_file(workspace.references)["references"]
    except (OSError, SafetensorError, KeyError):
        return nothing
    if references.shape[::2] != (len(labelled.class_names), labelled.table.num_features) or rows.size == 0:
        return nothing
    features = labelled.table.take(rows)
    best = np.full((rows.size, len(references)), -np.inf, dtype=np.float32)
    for class_id, own in enumerate(references):
        there = own[~np.isnan(own).any(axis=1)]  # a small class has fewer references, the rest are rows of NaN
        if there.size:
            best[:, class_id] = _cosines(features, there).max(axis=1)
    known = np.isfinite(best).any(axis=1)
    return np.where(known, np.where(np.isfinite(best), best, -np.inf).argmax(axis=1), NOT_KNOWN)


def reference_words(nearest: int, asked: int, class_names: tuple[str, ...]) -> str:
    """Say it: "the nearest reference is, too", or of which other class that is; "" where none is known.

    Example:
        >>> reference_words(1, 1, ("pho", "ramen")), reference_words(0, 1, ("pho", "ramen"))
        ('the nearest reference is, too', 'the nearest reference is pho')
    """
    if nearest < 0:
        return ""
    return "the nearest reference is, too" if nearest == asked else f"the nearest reference is {class_names[nearest]}"


def _cosines(features: Float32Array, references: Float32Array) -> Float32Array:
    """Give (R, M) cosines, -inf where a reference is the row itself, but for rounding."""
    found: Float32Array = unit_rows(features) @ unit_rows(references).T
    rows, places = np.nonzero(found > 1 - 1e-4)
    off = np.abs(features[rows] - references[places]).max(axis=1)
    is_itself = off <= _ROUNDING * np.abs(features[rows]).max(axis=1)
    found[rows[is_itself], places[is_itself]] = -np.inf
    return found
