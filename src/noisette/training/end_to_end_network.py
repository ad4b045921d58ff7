"""A classifier and a CleanNet on its features, as one module that learns."""

from __future__ import annotations

from typing import NamedTuple, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from noisette.features.penultimate import PenultimateFeatures
from noisette.functional.similarity import cosine_matrix
from noisette.training.end_to_end_loss import RunningMean
from noisette.verifier.cleannet.network import CleanNet

TERMS = ("classifier_loss", "verifier_loss", "mean_weight")


class JointOutput(NamedTuple):
    """Of B pictures, each with a class that it is compared with.

    Attributes:
        outputs: (B, K) of the classifier.
        similarities: (B, C) cosines of query embeddings and the embeddings of some classes, in [-1, 1]; 0 for a class
            without references.
        own: (B,) the column of a picture's class.
        query: (B, D) normalised features.
        reconstruction: (B, D) what CleanNet's auto-encoder made of them.
    """

    outputs: Tensor
    similarities: Tensor
    own: Tensor
    query: Tensor
    reconstruction: Tensor

    @property
    def similarity(self) -> Tensor:
        """(B,) cosine with the picture's own class."""
        return self.similarities.gather(1, self.own[:, None])[:, 0]


@final
class JointNetwork(nn.Module):
    """What one optimiser trains, and all else that a step depends on, in buffers.

    Args:
        classifier: (B, ...) pictures -> (B, K); it is used as it is, not copied.
        layer: where its features are, see `PenultimateFeatures`.
        cleannet: on these features.
        num_classes: K.
        num_references: R.
        most_classes: up to so many classes, pictures are compared with all.
    """

    references: Tensor
    sums: Tensor

    def __init__(
        self,
        classifier: nn.Module,
        layer: str | None,
        cleannet: CleanNet,
        num_classes: int,
        num_references: int,
        most_classes: int = 256,
    ) -> None:
        super().__init__()
        self.most_classes = most_classes
        self.backbone = PenultimateFeatures(classifier, layer)
        self.cleannet = cleannet
        self.mean_weight = RunningMean()
        shape = (num_classes, num_references, cleannet.in_features)
        self.register_buffer("references", torch.full(shape, torch.nan))
        self.register_buffer("sums", torch.zeros(1 + len(TERMS)))  # steps of this epoch, and sums of the terms

    def forward(self, images: Tensor, classes: Int[Tensor, "B"]) -> JointOutput:
        """Classify pictures, and compare them with classes: their own ones, and all others where these are few.

        Gradients flow from everything into the backbone. The references are numbers: none flows through them.
        """
        features, outputs = self.backbone.with_output(images)
        with torch.autocast(images.device.type, enabled=False):
            query = self.cleannet.normalize(features.to(self.references.dtype))
            embedding = self.cleannet.query_encoder.encode(query)
            columns, own = self._columns(classes)
            similarities = cosine_matrix(embedding, self.embed_classes(columns))
            return JointOutput(outputs, similarities, own, query, self.cleannet.reconstruct(embedding))

    def embed_classes(self, classes: Int[Tensor, "C"]) -> Float[Tensor, "C E"]:
        """Give class embeddings; zeros for a class without references."""
        embedded = self.cleannet.embed_references(self.references[classes])
        # A row of NaN, even with a loss of 0 on it, would send NaN back into the query encoder.
        return torch.where(embedded.isnan(), 0.0, embedded)

    def _columns(self, classes: Int[Tensor, "B"]) -> tuple[Int[Tensor, "C"], Int[Tensor, "B"]]:
        if len(self.references) > self.most_classes:
            columns, place = torch.unique(classes, return_inverse=True)
            return columns, place
        # A class's first row is the last to be missing.
        present = torch.nonzero(~self.references[:, 0, 0].isnan())[:, 0]
        columns, place = torch.unique(torch.cat([classes, present]), return_inverse=True)
        return columns, place[: len(classes)]
