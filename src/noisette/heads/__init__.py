"""Heteroscedastic heads: last layers that learn how labels vary, and which classes vary together."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from noisette.heads.confusions import ConfusedPair as ConfusedPair
    from noisette.heads.confusions import confused_pairs as confused_pairs
    from noisette.heads.confusions import correlation as correlation
    from noisette.heads.confusions import difference_variance as difference_variance
    from noisette.heads.confusions import shared_covariance as shared_covariance
    from noisette.heads.dense_head import HeteroscedasticHead as HeteroscedasticHead
    from noisette.heads.distribution import LogitDistribution as LogitDistribution
    from noisette.heads.readouts import LabelDisagreement as LabelDisagreement
    from noisette.heads.readouts import average_covariance as average_covariance
    from noisette.heads.readouts import label_disagreement as label_disagreement
    from noisette.heads.replacement import replace_head as replace_head
    from noisette.heads.temperature import fit_temperature as fit_temperature
    from noisette.heads.uncertainty import ClassUncertainty as ClassUncertainty
    from noisette.heads.uncertainty import Uncertainty as Uncertainty
    from noisette.heads.uncertainty import class_uncertainty as class_uncertainty
    from noisette.heads.uncertainty import split_uncertainty as split_uncertainty
    from noisette.heads.xl_head import HeteroscedasticXLHead as HeteroscedasticXLHead

_HOME_OF = {
    "ClassUncertainty": "uncertainty",
    "ConfusedPair": "confusions",
    "HeteroscedasticHead": "dense_head",
    "HeteroscedasticXLHead": "xl_head",
    "LabelDisagreement": "readouts",
    "LogitDistribution": "distribution",
    "Uncertainty": "uncertainty",
    "average_covariance": "readouts",
    "class_uncertainty": "uncertainty",
    "confused_pairs": "confusions",
    "correlation": "confusions",
    "difference_variance": "confusions",
    "fit_temperature": "temperature",
    "label_disagreement": "readouts",
    "replace_head": "replacement",
    "shared_covariance": "confusions",
    "split_uncertainty": "uncertainty",
}

__all__ = [*_HOME_OF]


def __getattr__(name: str) -> Any:
    """Import a public name from its file, the first time it is asked for."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'noisette.heads' has no attribute {name!r}")
    value = getattr(import_module(f"noisette.heads.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
