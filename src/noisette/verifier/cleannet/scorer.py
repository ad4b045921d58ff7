"""A trained CleanNet at work: class embeddings are ready, and a feature costs two matrix products."""

from __future__ import annotations

import weakref

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from noisette.functional.similarity import MIN_SQUARE, unit_vectors
from noisette.types import Float64Array
from noisette.verifier.cleannet.batches import to_tensor
from noisette.verifier.cleannet.network import CleanNet
from noisette.verifier.cleannet.normalization import Normalization
from noisette.verifier.inputs import Query
from noisette.verifier.scorer import Arrays, Scorer

CHUNK_NUMBERS = 1 << 21  # numbers of a feature chunk that the passes over it still find in a core's cache
_LEAST_SPREAD = 0.02


class CleanNetScorer(Scorer):
    """Scores by the cosine of query embedding and class embedding.

    Args:
        net: the trained network.
        class_embeddings: (K, 128) from `CleanNet.embed_references`; NaN rows are classes without references.
    """

    def __init__(self, net: CleanNet, class_embeddings: Tensor) -> None:
        self.net = net.eval().requires_grad_(False)
        self.class_embeddings = class_embeddings.detach()
        self._directions = unit_vectors(self.class_embeddings)
        self._first = _FirstLayer(net)
        # tanh(s) = 2 sigmoid(2 s) - 1 takes a sixth of the time; the constants go into the layers.
        layer = net.query_encoder.embed
        self._weight = 4.0 * layer.weight.detach().T.contiguous()
        self._bias = 2.0 * (layer.bias - layer.weight.sum(dim=1)).detach()
        self._last: tuple[weakref.ref[Query], Tensor] | None = None

    def score(self, query: Query) -> Float64Array:
        """Give (B,) similarities in [-1, 1]; NaN for a row that is not finite, or whose class has no references."""
        labels = torch.from_numpy(query.given_labels)
        return _cosines((self._embed(query) * self._directions[labels]).sum(dim=1))

    def score_classes(self, query: Query) -> Float64Array:
        """Give (B, K) similarities with every class; -inf for a class without references."""
        cosines = _cosines(self._embed(query) @ self._directions.nan_to_num().T)
        cosines[:, self._directions.isnan().any(dim=1).numpy()] = -np.inf
        return cosines

    def to_arrays(self) -> Arrays:
        """Give weights, normalisation and class embeddings."""
        return {name: value.numpy() for name, value in self.net.state_dict().items()} | {
            "class_embeddings": self.class_embeddings.numpy()
        }

    @staticmethod
    def from_arrays(arrays: Arrays, normalization: Normalization) -> CleanNetScorer:
        """Undo `to_arrays`."""
        tensors = {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}
        classes = tensors.pop("class_embeddings")
        net = CleanNet(tensors["centre"].numel(), normalization, generator=torch.Generator())
        net.load_state_dict(tensors)
        return CleanNetScorer(net, classes)

    def _embed(self, query: Query) -> Tensor:
        """Give (B, 128) unit query embeddings; suggesting asks for the same batch twice, so the last one is kept."""
        if self._last is not None and self._last[0]() is query:
            return self._last[1]
        rows = max(1, CHUNK_NUMBERS // max(1, self.net.in_features))
        features = to_tensor(query.features)
        scratch = torch.empty_like(features[:rows])  # a chunk's own copy would cost more than its logarithms
        parts = [self._embed_chunk(features[i : i + rows], scratch) for i in range(0, len(features), rows)]
        embeddings = torch.cat(parts) if parts else self._directions[:0]
        self._last = weakref.ref(query), embeddings
        return embeddings

    @torch.no_grad()
    def _embed_chunk(self, features: Tensor, scratch: Tensor) -> Tensor:
        # The sigmoid would hide an infinity, so 0 * something that is finite only if the row is, is carried along.
        sums, witness = self._first(features, scratch[: len(features)])
        poison = witness * 0.0
        if self.net.normalization == "none":
            # Features of any scale may be tiny, where the difference below would lose their digits.
            embeddings: Tensor = self.net.query_encoder.embed((0.5 * sums).tanh_()).tanh_()
        else:
            # sigmoid(2 x) - 1/2 is half of tanh(x), and the length of an embedding does not count.
            embeddings = torch.addmm(self._bias, sums.sigmoid_(), self._weight).sigmoid_().sub_(0.5)
        squares = embeddings.square().sum(dim=1, keepdim=True)
        return embeddings.mul_(squares.clamp_(min=MIN_SQUARE).rsqrt_().add_(poison))


class _FirstLayer:
    """Twice the query encoder's first sums, normalisation and layer in one product where that is exact enough.

    With "auto" the sum is W (v / |v| - m) / |v / |v| - m| + b = ((W v) / |v| - W m) / n + b with
    n^2 = |v / |v||^2 - 2 (m . v) / |v| + |m|^2, so one product with W and m replaces three passes over v. Where the
    data lie in a narrow cone (|m| near 1) the differences would cancel, and the passes are made.
    """

    def __init__(self, net: CleanNet) -> None:
        layer, self.net = net.query_encoder.hidden, net
        self.weight, self.bias = 2.0 * layer.weight.detach().T.contiguous(), 2.0 * layer.bias.detach()
        centre = net.centre.detach()
        self.centre, self.centre_square = centre, float(centre.square().sum())
        # One row a part of the sum that does not hang on the feature alone: what the centre takes away, and the bias.
        self.rest = torch.stack([-(centre @ self.weight), self.bias])
        self.with_centre = torch.cat([self.weight, centre[:, None]], dim=1).contiguous()
        self.folds = net.normalization in ("l2", "auto") and 1.0 - self.centre_square > _LEAST_SPREAD

    def __call__(self, features: Tensor, scratch: Tensor) -> tuple[Tensor, Tensor]:
        """Give (B, 256) doubled sums from raw features, and (B, 1) numbers that are finite only where the row is."""
        if self.net.normalization == "log":
            # log1p gives NaN below -1 and -infinity at -1: either way a bad row, which is reported by its score.
            return _witnessed(torch.addmm(self.bias, torch.log1p(features, out=scratch), self.weight))
        if not self.folds:
            return _witnessed(torch.addmm(self.bias, self.net.normalize(features), self.weight))
        squares = torch.linalg.vector_norm(features, dim=1, keepdim=True).square()
        inverse = squares.clamp(min=MIN_SQUARE).rsqrt()
        if self.net.normalization == "l2":
            return (features @ self.weight).mul_(inverse).add_(self.bias), squares
        products = features @ self.with_centre
        spread = squares * inverse.square() - 2 * products[:, -1:] * inverse + self.centre_square
        scale = spread.clamp_(min=MIN_SQUARE).rsqrt_()
        sums: Tensor = products[:, :-1].mul_(inverse * scale)
        return sums.addmm_(torch.cat([scale, torch.ones_like(scale)], dim=1), self.rest), squares


def _witnessed(sums: Tensor) -> tuple[Tensor, Tensor]:
    return sums, sums.sum(dim=1, keepdim=True)


def _cosines(values: Tensor) -> npt.NDArray[np.float64]:
    cosines: npt.NDArray[np.float64] = values.clamp(-1.0, 1.0).double().numpy()
    return cosines
