"""How well a CleanNet tells correct from mislabelled labels: on all validation pairs, with dropout off."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from noisette.functional.detection_metrics import auroc, average_error_rate
from noisette.functional.similarity import cosine_similarity
from noisette.scores.thresholds import FIXED_THRESHOLDS, choose_threshold
from noisette.verifier.cleannet.batches import Pairs
from noisette.verifier.cleannet.network import CleanNet

CHUNK = 4096


@torch.no_grad()
def similarities(net: CleanNet, references: Float[Tensor, "K R D"], pairs: Pairs) -> Float[Tensor, "M"]:
    """Give the (M,) similarities of all pairs, with dropout off; the network's mode is left as it was."""
    was_training = net.training
    net.eval()
    classes = net.embed_references(references)
    parts = [
        cosine_similarity(net.embed_queries(pairs.features[part.rows]), classes[part.labels])
        for part in (pairs.where(torch.arange(i, min(i + CHUNK, len(pairs)))) for i in range(0, len(pairs), CHUNK))
    ]
    net.train(was_training)
    return torch.cat(parts) if parts else references.new_empty(0)


def validate(net: CleanNet, references: Float[Tensor, "K R D"], pairs: Pairs) -> dict[str, float]:
    """Give the average error rates (mean over classes) at the best threshold and at the fixed ones, and the AUROC."""
    scores = similarities(net, references, pairs).double().numpy()
    targets, labels = pairs.targets.numpy(), pairs.labels.numpy()
    threshold = choose_threshold(scores, targets, labels)
    errors = {f"validation_error_{t}": average_error_rate(scores >= t, targets, labels) for t in FIXED_THRESHOLDS}
    return {
        "validation_error": average_error_rate(scores >= threshold, targets, labels),
        **errors,
        "validation_auroc": auroc(scores, targets),
        "threshold": threshold,
    }
