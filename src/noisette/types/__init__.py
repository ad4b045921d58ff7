"""Records and protocols that every room knows."""

from noisette.types.arrays import (
    CORRECT,
    MISLABELLED,
    NONE_OF_THE_CLASSES,
    NOT_KNOWN,
    UNVERIFIED,
    ArrayLike,
    BoolArray,
    Float32Array,
    Float64Array,
    FloatArray,
    HashArray,
    IntArray,
    Progress,
    RandomState,
    as_generator,
    as_numpy,
    silent,
)
from noisette.types.bad_rows import BadRow, BadRows, OnError
from noisette.types.features import ArrayTable, FeatureTable, as_table
from noisette.types.records import RANDOM_QUEUES, LabelScores, ReferenceSet, Review, Sample
from noisette.types.samples import SampleTable

__all__ = [
    "CORRECT",
    "MISLABELLED",
    "NONE_OF_THE_CLASSES",
    "NOT_KNOWN",
    "RANDOM_QUEUES",
    "UNVERIFIED",
    "ArrayLike",
    "ArrayTable",
    "BadRow",
    "BadRows",
    "BoolArray",
    "FeatureTable",
    "Float32Array",
    "Float64Array",
    "FloatArray",
    "HashArray",
    "IntArray",
    "LabelScores",
    "OnError",
    "Progress",
    "RandomState",
    "ReferenceSet",
    "Review",
    "Sample",
    "SampleTable",
    "as_generator",
    "as_numpy",
    "as_table",
    "silent",
]
