"""What a report is made of: plain frozen records, filled by the pipeline (or by hand)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from noisette.errors import InvalidInputError, ShapeError
from noisette.scores.cleaning import Cleaning
from noisette.scores.noise_rates import NoiseRates
from noisette.scores.weights import WeightSummary
from noisette.types import Float64Array, IntArray, LabelScores

_NAN = float("nan")


@dataclass(frozen=True, eq=False, kw_only=True)
class VerifierResult:
    """One row of the error table. Errors are shares in [0, 1]; NaN = not measured, shown as a dash.

    Attributes:
        name: of the verifier.
        average_error_inside: mean over the classes with verification labels of the detection error.
        average_error_held_out: the same over classes whose verification labels were held out.
        micro_error: share of samples with a wrong verdict.
        auroc: chance that a correct label scores higher than a mislabelled one.
        average_precision: of finding mislabelled samples by low scores.
        threshold: score from which a label counts as correct.
        error_reduced: share of the best weakly supervised baseline's error that is gone; negative = it got worse.
        chosen: True for the verifier whose scores fill the rest of the report.
        scores: (M,) out-of-fold scores of verified samples, for the curves; None = not in the curves.
        verification_labels: (M,) 1 correct, 0 mislabelled, for the same samples.
    """

    name: str
    average_error_inside: float = _NAN
    average_error_held_out: float = _NAN
    micro_error: float = _NAN
    auroc: float = _NAN
    average_precision: float = _NAN
    threshold: float = _NAN
    error_reduced: float = _NAN
    chosen: bool = False
    scores: Float64Array | None = None
    verification_labels: IntArray | None = None


@dataclass(frozen=True, slots=True)
class HeldOutPair:
    """Two scores of one sample by one verifier: all classes verified, and the sample's class held out."""

    verifier: str
    all_verified: float
    class_held_out: float


@dataclass(frozen=True, eq=False, kw_only=True)
class SuspiciousSample:
    """One sample of the gallery.

    Attributes:
        key: the sample's key, shown as it is.
        given_label: class id.
        suggested_label: class id; -1 not known, -2 none of the classes.
        label_quality: P(given label is correct) in [0, 1]; NaN = not known.
        suggested_probability: in [0, 1]; NaN = not known.
        verification_label: 1 correct, 0 mislabelled, -1 unverified.
        score: raw score (similarity) by a verifier that knows all verified classes; NaN = not shown.
        evidence: what its neighbours say, as "8 of 10 neighbours are ramen"; "" = nothing.
        held_out: scores of one verifier with and without this class's verification labels; None = not shown.
        image: the bytes of an image file of any size; a thumbnail of it is put into the page.
    """

    key: str
    given_label: int
    suggested_label: int = -1
    label_quality: float = _NAN
    suggested_probability: float = _NAN
    verification_label: int = -1
    score: float = _NAN
    evidence: str = ""
    held_out: HeldOutPair | None = None
    image: bytes | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class PictureCopy:
    """One of the samples that show one picture.

    Attributes:
        key, split: identity of the sample.
        label: class id in force: the given one, or that by which people replaced it; -2 = none of the classes.
        given_label: class id that the sample came with.
        verification_label: 1 correct, 0 mislabelled, -1 unverified.
        image: encoded picture; None = there is none.
    """

    key: str
    split: str
    label: int
    given_label: int
    verification_label: int = -1
    image: bytes | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Duplicates:
    """Samples that show the same picture.

    Attributes:
        num_samples, num_pictures: samples with a duplicate, and pictures they show.
        num_conflicting: pictures under different labels.
        num_across_splits: samples with a duplicate in another of train, validation and test.
        similarity: cosine from which two samples count as one picture.
        conflicts: pictures under different labels, some copies of each; not necessarily all.
    """

    num_samples: int
    num_pictures: int
    num_conflicting: int
    num_across_splits: int
    similarity: float
    conflicts: Sequence[Sequence[PictureCopy]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionPair:
    """Two classes that are confused.

    Attributes:
        names: of the two classes.
        value: the chance in [0, 1] that two labels of one sample are this pair; where that is not known, the covariance
            of their noise beyond independent noise.
        label_noise: the part of the chance that the classifier's noise explains; NaN = not known.
    """

    names: tuple[str, str]
    value: float
    label_noise: float = _NAN


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassConfusions:
    """Which classes a classifier with label noise confuses; see `class_confusions`. C classes are shown of K.

    Attributes:
        class_names: C names, those with like noise side by side.
        correlation: (C, C) of their noise, in [-1, 1]; 0 = independent.
        pairs: most confused first.
        num_classes: K.
        are_chances: True: values of pairs are chances; False: covariances.
        differ: chance that two labels of one sample differ; NaN = not known.
        differ_by_noise: the part of it that the noise explains; NaN = not known.
        is_contrast: the noise is known up to what all classes share, as for one label a sample.
    """

    class_names: Sequence[str]
    correlation: Float64Array
    pairs: Sequence[ConfusionPair]
    num_classes: int
    are_chances: bool
    differ: float = _NAN
    differ_by_noise: float = _NAN
    is_contrast: bool = True


@dataclass(frozen=True, eq=False, kw_only=True)
class RoundFigures:
    """One round of the joint training of classifier and verifier; NaN = not measured.

    Attributes:
        name: "0", "1", ..., or words for a last step after them.
        detection_error: average error of finding wrong labels on verified samples that the verifier had not seen.
        held_out_error: the same on verified samples of evaluation splits, which nothing had seen.
        accuracy: top-1 of the round's classifier, in [0, 1], by what it was measured on.
    """

    name: str
    detection_error: float = _NAN
    held_out_error: float = _NAN
    accuracy: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class ReportData:
    """Everything a report shows; N samples, K classes.

    Attributes:
        title: name of the project or data set.
        class_names: K names; any text.
        label_scores: scores and decisions of every label.
        verification_labels: (N,) 1 correct, 0 mislabelled, -1 unverified.
        noise_rates: from `scores.noise_rates.estimate_noise_rates`.
        weights: from `scores.weights.summarize_weights`.
        num_drawn: how many of the verified labels were drawn with a known chance; the figures weight those by it.
        model_quality: (N,) label quality *before* human decisions, out of fold on verified rows, for the reliability
            diagram; None = no diagram.
        verification_weights: (N,) 1 / inclusion probability of verified labels, for the same; None = all alike.
        left_out: what the models that scored verified rows had not seen: "classes", "rows", or "" = not known.
        cleaning: what is flagged, what for, and how many wrong labels are left after it; None = not known.
        per_class_error: (K,) detection error on verified samples, NaN where there are none; None = not measured.
        threshold: score from which a label counts as correct; None = there is none.
        score_name: what the score is called on the axes, "similarity" for CleanNet.
        evaluation: a row for each verifier that was run.
        samples: most suspicious first; the page shows as many as fit it.
        duplicates: samples that show the same picture; None = not looked for.
        confusions: which classes a trained classifier confuses, from `class_confusions`; None = not known.
        rounds: of the joint training, in order; empty = there were none.
        settings: name to value, in the order to show.
        versions: program to version, in the order to show.
        notes: warnings in words, shown on the first screen.
        next_step: the command to run next, ready to paste.
        next_reason: why, in words; "" = the report says so itself.
    """

    title: str
    class_names: Sequence[str]
    label_scores: LabelScores
    verification_labels: IntArray
    noise_rates: NoiseRates
    weights: WeightSummary
    num_drawn: int = 0
    model_quality: Float64Array | None = None
    verification_weights: Float64Array | None = None
    left_out: str = ""
    cleaning: Cleaning | None = None
    per_class_error: Float64Array | None = None
    threshold: float | None = None
    score_name: str = "score"
    evaluation: Sequence[VerifierResult] = ()
    samples: Sequence[SuspiciousSample] = ()
    duplicates: Duplicates | None = None
    confusions: ClassConfusions | None = None
    rounds: Sequence[RoundFigures] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    next_step: str = ""
    next_reason: str = ""

    @property
    def num_samples(self) -> int:
        """N."""
        return int(self.label_scores.given_label.size)

    def class_name(self, label: int) -> str:
        """Give the name of a class id, or words for -1 and -2."""
        return {-1: "not known", -2: "none of the classes"}.get(label) or self.class_names[label]


def check_report(data: ReportData) -> None:
    """Check that the parts of a report fit together.

    Raises:
        ShapeError: an array has another length than N or K.
        InvalidInputError: a verifier has scores without verification labels, or the other way round.
    """
    size, num_classes = data.num_samples, len(data.class_names)
    wanted = {
        "verification_labels": (data.verification_labels, size),
        "label_scores.score": (data.label_scores.score, size),
        "model_quality": (data.model_quality, size),
        "verification_weights": (data.verification_weights, size),
        "per_class_error": (data.per_class_error, num_classes),
        "noise_rates.rate": (data.noise_rates.rate, num_classes),
        "weights.kept_share": (data.weights.kept_share, num_classes),
    }
    for name, (values, length) in wanted.items():
        if values is not None and values.shape != (length,):
            raise ShapeError(f"`{name}` of the report must have shape ({length},), got {values.shape}")
    for row in data.evaluation:
        if (row.scores is None) != (row.verification_labels is None):
            raise InvalidInputError(f"verifier {row.name!r}: give `scores` and `verification_labels`, or neither")
        if row.scores is not None and row.verification_labels is not None:
            if row.scores.shape != row.verification_labels.shape:
                raise ShapeError(f"verifier {row.name!r}: `scores` and `verification_labels` must have one length")
