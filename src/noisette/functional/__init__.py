"""Pure functions on arrays and tensors. Names are resolved on first use, so that the metrics do not load torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from noisette.functional.class_metrics import class_accuracy as class_accuracy
    from noisette.functional.class_metrics import class_brier_score as class_brier_score
    from noisette.functional.class_metrics import global_average_precision as global_average_precision
    from noisette.functional.class_metrics import negative_log_likelihood as negative_log_likelihood
    from noisette.functional.class_metrics import per_class_accuracy as per_class_accuracy
    from noisette.functional.class_metrics import top_label_calibration_error as top_label_calibration_error
    from noisette.functional.detection_metrics import auroc as auroc
    from noisette.functional.detection_metrics import average_error_rate as average_error_rate
    from noisette.functional.detection_metrics import average_precision as average_precision
    from noisette.functional.detection_metrics import brier_score as brier_score
    from noisette.functional.detection_metrics import error_rate as error_rate
    from noisette.functional.detection_metrics import expected_calibration_error as expected_calibration_error
    from noisette.functional.detection_metrics import per_class_error as per_class_error
    from noisette.functional.detection_metrics import reliability_bins as reliability_bins
    from noisette.functional.exact_predictors import argmax_probabilities as argmax_probabilities
    from noisette.functional.exact_predictors import binary_probit as binary_probit
    from noisette.functional.exact_predictors import mean_sigmoid as mean_sigmoid
    from noisette.functional.exact_predictors import two_class_probit as two_class_probit
    from noisette.functional.logit_forms import FeatureLogits as FeatureLogits
    from noisette.functional.logit_forms import LowRankLogits as LowRankLogits
    from noisette.functional.logit_forms import ScaledLowRankLogits as ScaledLowRankLogits
    from noisette.functional.logit_noise import draw_noise as draw_noise
    from noisette.functional.logit_noise import draw_row_noise as draw_row_noise
    from noisette.functional.mean_likelihoods import joint_sigmoid_nll as joint_sigmoid_nll
    from noisette.functional.mean_likelihoods import log_mean_softmax as log_mean_softmax
    from noisette.functional.mean_likelihoods import mean_sigmoid_logits as mean_sigmoid_logits
    from noisette.functional.mean_likelihoods import mean_softmax_nll as mean_softmax_nll
    from noisette.functional.noise import inject_label_noise as inject_label_noise
    from noisette.functional.noise import noise_transition as noise_transition
    from noisette.functional.similarity import cosine_matrix as cosine_matrix
    from noisette.functional.similarity import cosine_similarity as cosine_similarity
    from noisette.functional.similarity import unit_vectors as unit_vectors
    from noisette.functional.verification_loss import cleannet_loss as cleannet_loss

_HOME_OF = {
    "FeatureLogits": "logit_forms",
    "LowRankLogits": "logit_forms",
    "ScaledLowRankLogits": "logit_forms",
    "argmax_probabilities": "exact_predictors",
    "auroc": "detection_metrics",
    "average_error_rate": "detection_metrics",
    "average_precision": "detection_metrics",
    "binary_probit": "exact_predictors",
    "brier_score": "detection_metrics",
    "class_accuracy": "class_metrics",
    "class_brier_score": "class_metrics",
    "cleannet_loss": "verification_loss",
    "cosine_matrix": "similarity",
    "cosine_similarity": "similarity",
    "draw_noise": "logit_noise",
    "draw_row_noise": "logit_noise",
    "error_rate": "detection_metrics",
    "expected_calibration_error": "detection_metrics",
    "global_average_precision": "class_metrics",
    "inject_label_noise": "noise",
    "joint_sigmoid_nll": "mean_likelihoods",
    "log_mean_softmax": "mean_likelihoods",
    "mean_sigmoid": "exact_predictors",
    "mean_sigmoid_logits": "mean_likelihoods",
    "mean_softmax_nll": "mean_likelihoods",
    "negative_log_likelihood": "class_metrics",
    "noise_transition": "noise",
    "per_class_accuracy": "class_metrics",
    "per_class_error": "detection_metrics",
    "reliability_bins": "detection_metrics",
    "top_label_calibration_error": "class_metrics",
    "two_class_probit": "exact_predictors",
    "unit_vectors": "similarity",
}

__all__ = [*_HOME_OF]


def __getattr__(name: str) -> Any:
    """Import a public name from its file, the first time it is asked for."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'noisette.functional' has no attribute {name!r}")
    value = getattr(import_module(f"noisette.functional.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
