"""Plain frozen records that travel between the rooms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from noisette.types.arrays import NOT_KNOWN, UNVERIFIED, BoolArray, Float32Array, Float64Array, IntArray

RANDOM_QUEUES = ("audit", "random")
"""Queues whose samples were drawn at random from all that nobody had checked."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One image with its given label; what every reader of a data set gives.

    Attributes:
        key: with `split` its identity; keys of files are POSIX relative paths.
        given_label: class id.
        split: "train", "validation" or "test"; any other name is treated as "train" is.
        uri: where the image is, below the root of its data set: a POSIX relative path, or one of the forms of
            `data.images.uris`; "" where there is none.
        verification_label: 1 correct, 0 mislabelled, -1 unverified.
        correct_label: the right class id; -1 not known, -2 none of the classes.
    """

    key: str
    given_label: int
    split: str = "train"
    uri: str = ""
    verification_label: int = UNVERIFIED
    correct_label: int = NOT_KNOWN


@dataclass(frozen=True, eq=False)
class ReferenceSet:
    """Representative feature vectors of every class.

    Attributes:
        values: (K, R, D) float32; a row that does not exist (small or empty class) is all NaN.
        counts: (K,) number of samples that carry each given label.
    """

    values: Float32Array
    counts: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One decision of one person (or file) about one sample. Reviews are appended, never changed.

    Attributes:
        key: the sample's key; `split` completes its identity.
        given_label: class id the sample carried when the decision was taken.
        verification_label: 1 correct, 0 mislabelled, -1 unsure (counts as unverified).
        correct_label: the right class id; -1 not known, -2 none of the classes.
        reviewer: who decided; imported files are reviewers too.
        time: when, with time zone.
        queue: why the sample was shown ("import", "audit", "plan", "suspicious", ...); see `RANDOM_QUEUES`.
        inclusion_probability: chance in (0, 1] that the draw behind this queue took the sample; None where it is not
            known.
        seconds: how long the decision took, >= 0; None where it is not known.
        is_bulk: True if it was taken for many samples at once ("the rest is correct").
        model_quality: the label quality in [0, 1] that the model gave when it was decided; None where there was none.
        model_suggestion: the class id that the model suggested then, -2 none of the classes; None where there was none.
        client_id: a token of whoever sends the decision; the same token on the same sample is the same decision, sent
            again. "" = none: then what was said, and when, tells decisions apart.
    """

    key: str
    given_label: int
    verification_label: int
    time: datetime
    split: str = "train"
    correct_label: int = -1
    reviewer: str = ""
    queue: str = "import"
    inclusion_probability: float | None = None
    seconds: float | None = None
    is_bulk: bool = False
    model_quality: float | None = None
    model_suggestion: int | None = None
    client_id: str = ""


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelScores:
    """What is known about every label, after the verifier and the human decisions; all arrays are (N,).

    Attributes:
        score: the verifier's raw score (for CleanNet the similarity); high = more likely correct.
        label_quality: P(given label is correct) in [0, 1]; low = suspicious.
        is_label_issue: True where the label is taken to be wrong.
        suggested_label: best class id, -2 for none of the classes.
        suggested_probability: probability of `suggested_label`, in [0, 1].
        none_probability: P(the sample shows none of the classes), in [0, 1].
        sample_weight: weight >= 0 for training.
    """

    given_label: IntArray
    score: Float64Array
    label_quality: Float64Array
    is_label_issue: BoolArray
    suggested_label: IntArray
    suggested_probability: Float64Array
    none_probability: Float64Array
    sample_weight: Float64Array
