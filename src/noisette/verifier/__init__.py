"""Who scores labels. Names are resolved on first use, so that the verifiers without a network do not load torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from noisette.verifier.baselines.average import AverageVerifier as AverageVerifier
    from noisette.verifier.baselines.drae import DRAEVerifier as DRAEVerifier
    from noisette.verifier.baselines.filtering import FilteringVerifier as FilteringVerifier
    from noisette.verifier.baselines.knn import KNNVerifier as KNNVerifier
    from noisette.verifier.baselines.label_propagation import LabelPropagationVerifier as LabelPropagationVerifier
    from noisette.verifier.baselines.label_propagation import LabelSpreadingVerifier as LabelSpreadingVerifier
    from noisette.verifier.baselines.mlp import MLPVerifier as MLPVerifier
    from noisette.verifier.baselines.naive import NaiveVerifier as NaiveVerifier
    from noisette.verifier.baselines.svm import SVMVerifier as SVMVerifier
    from noisette.verifier.cleannet.network import CleanNet as CleanNet
    from noisette.verifier.cleannet.recipe import CleanNetRecipe as CleanNetRecipe
    from noisette.verifier.cleannet.verifier import CleanNetVerifier as CleanNetVerifier
    from noisette.verifier.evidence.verifier import EvidenceVerifier as EvidenceVerifier
    from noisette.verifier.held_out import HeldOutReport as HeldOutReport
    from noisette.verifier.held_out import held_out_classes as held_out_classes
    from noisette.verifier.held_out import held_out_table as held_out_table
    from noisette.verifier.interop import find_label_issues as find_label_issues
    from noisette.verifier.saving import load_verifier as load_verifier

_HOME_OF = {
    "AverageVerifier": "baselines.average",
    "DRAEVerifier": "baselines.drae",
    "FilteringVerifier": "baselines.filtering",
    "KNNVerifier": "baselines.knn",
    "LabelPropagationVerifier": "baselines.label_propagation",
    "LabelSpreadingVerifier": "baselines.label_propagation",
    "MLPVerifier": "baselines.mlp",
    "NaiveVerifier": "baselines.naive",
    "SVMVerifier": "baselines.svm",
    "CleanNet": "cleannet.network",
    "CleanNetRecipe": "cleannet.recipe",
    "CleanNetVerifier": "cleannet.verifier",
    "EvidenceVerifier": "evidence.verifier",
    "HeldOutReport": "held_out",
    "find_label_issues": "interop",
    "held_out_classes": "held_out",
    "held_out_table": "held_out",
    "load_verifier": "saving",
}

__all__ = [*_HOME_OF]


def __getattr__(name: str) -> Any:
    """Import a public name from its file, the first time it is asked for."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'noisette.verifier' has no attribute {name!r}")
    value = getattr(import_module(f"noisette.verifier.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
