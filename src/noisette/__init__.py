"""Noisette: check a few labels, trust the rest.

Names are resolved on first use (PEP 562), so that ``import noisette`` loads neither torch nor scikit-learn.
Nothing inside the package imports this module.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from noisette import functional as functional
    from noisette import heads as heads
    from noisette.features import extract_features as extract_features
    from noisette.features import load_backbone as load_backbone
    from noisette.pipeline.run import run as run
    from noisette.references import find_references as find_references
    from noisette.training import TrainingRecipe as TrainingRecipe
    from noisette.training import VerifierLoss as VerifierLoss
    from noisette.training import WeightedDataset as WeightedDataset
    from noisette.training import train_classifier as train_classifier
    from noisette.training import train_end_to_end as train_end_to_end
    from noisette.training import weighted_mean as weighted_mean
    from noisette.verifier import (
        AverageVerifier as AverageVerifier,
    )
    from noisette.verifier import (
        CleanNet as CleanNet,
    )
    from noisette.verifier import (
        CleanNetVerifier as CleanNetVerifier,
    )
    from noisette.verifier import (
        DRAEVerifier as DRAEVerifier,
    )
    from noisette.verifier import (
        EvidenceVerifier as EvidenceVerifier,
    )
    from noisette.verifier import (
        FilteringVerifier as FilteringVerifier,
    )
    from noisette.verifier import (
        KNNVerifier as KNNVerifier,
    )
    from noisette.verifier import (
        LabelPropagationVerifier as LabelPropagationVerifier,
    )
    from noisette.verifier import (
        LabelSpreadingVerifier as LabelSpreadingVerifier,
    )
    from noisette.verifier import (
        MLPVerifier as MLPVerifier,
    )
    from noisette.verifier import (
        NaiveVerifier as NaiveVerifier,
    )
    from noisette.verifier import (
        SVMVerifier as SVMVerifier,
    )
    from noisette.verifier import (
        find_label_issues as find_label_issues,
    )
    from noisette.verifier import (
        load_verifier as load_verifier,
    )

_HOME_OF = {
    "AverageVerifier": "noisette.verifier",
    "DRAEVerifier": "noisette.verifier",
    "EvidenceVerifier": "noisette.verifier",
    "FilteringVerifier": "noisette.verifier",
    "KNNVerifier": "noisette.verifier",
    "LabelPropagationVerifier": "noisette.verifier",
    "LabelSpreadingVerifier": "noisette.verifier",
    "MLPVerifier": "noisette.verifier",
    "NaiveVerifier": "noisette.verifier",
    "SVMVerifier": "noisette.verifier",
    "CleanNet": "noisette.verifier",
    "CleanNetVerifier": "noisette.verifier",
    "extract_features": "noisette.features",
    "find_label_issues": "noisette.verifier",
    "find_references": "noisette.references",
    "functional": "noisette.functional",
    "heads": "noisette.heads",
    "load_backbone": "noisette.features",
    "load_verifier": "noisette.verifier",
    "run": "noisette.pipeline.run",
    "TrainingRecipe": "noisette.training",
    "VerifierLoss": "noisette.training",
    "WeightedDataset": "noisette.training",
    "train_classifier": "noisette.training",
    "train_end_to_end": "noisette.training",
    "weighted_mean": "noisette.training",
}

__all__ = ["__version__", *_HOME_OF]


def __getattr__(name: str) -> Any:
    """Import a public name from the room it lives in, the first time it is asked for."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'noisette' has no attribute {name!r}")
    module = importlib.import_module(home)
    value = module if home == f"noisette.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, resolved or not."""
    return sorted(__all__)
