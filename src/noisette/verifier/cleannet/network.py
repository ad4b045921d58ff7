"""CleanNet's network: a class embedding from a set of references, a query embedding from one feature.

Lee, He, Zhang, Yang: CleanNet: Transfer Learning for Scalable Image Classifier Training with Label Noise, CVPR 2018.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.utils import skip_init

from noisette.errors import InvalidInputError, ShapeError
from noisette.types import FloatArray
from noisette.verifier.cleannet.normalization import Normalization, check_normalization, fit_centre, normalize
from noisette.verifier.cleannet.weights import export_weights, import_weights

EMBEDDING_SIZE = 128


def _linear(inputs: int, outputs: int) -> nn.Linear:
    # The usual constructor would draw (and throw away) numbers from the global generator.
    layer: nn.Linear = skip_init(nn.Linear, inputs, outputs)
    return layer


@final
class ReferenceSetEncoder(nn.Module):
    """(K, R, D) normalised references -> (K, 128) class embeddings: an MLP, attention over the set, one layer."""

    def __init__(self, in_features: int, dropout: float) -> None:
        super().__init__()
        self.hidden, self.features = _linear(in_features, 512), _linear(512, 256)
        self.attention, self.context = _linear(256, 256), nn.Parameter(torch.empty(256))
        self.out = _linear(256, EMBEDDING_SIZE)
        self.dropout = dropout

    def forward(
        self,
        references: Float[Tensor, "K R D"],
        present: Bool[Tensor, "K R"],
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "K 128"]:
        """Embed each set, looking at the references that are `present` (a mask with at least one a class)."""
        hidden = _dropout(self.hidden(references).tanh(), self.dropout if self.training else 0.0, generator)
        members = self.features(hidden).tanh()
        votes = self.attention(members).tanh() @ self.context
        shares = votes.masked_fill(~present, -torch.inf).softmax(dim=1)
        pooled = torch.einsum("kr,krh->kh", shares, members)
        embedding: Tensor = self.out(pooled).tanh()
        return embedding


@final
class QueryAutoEncoder(nn.Module):
    """(B, D) normalised features -> (B, 128) query embeddings -> (B, D) reconstructions."""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.hidden, self.embed = _linear(in_features, 256), _linear(256, EMBEDDING_SIZE)
        self.expand, self.out = _linear(EMBEDDING_SIZE, 256), _linear(256, in_features)

    def encode(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B 128"]:
        """Embed each feature."""
        embedding: Tensor = self.embed(self.hidden(features).tanh()).tanh()
        return embedding

    def decode(self, embeddings: Float[Tensor, "B 128"]) -> Float[Tensor, "B D"]:
        """Rebuild the features, each number in [-1, 1]."""
        features: Tensor = self.out(self.expand(embeddings).tanh()).tanh()
        return features


@final
class CleanNet(nn.Module):
    """Compares a feature with a class: the similarity is the cosine of query embedding and class embedding.

    Args:
        in_features: D, the size of the features.
        normalization: what is done to features first: "log" = log(v + 1) (the paper's; needs v > -1), "l2", "none", or
            "auto", which takes any features (see `normalize`) and is centred on the data by `fit_normalization`.
        dropout: share of the reference encoder's first hidden layer dropped in training, in [0, 1).
        generator: draws the first weights; torch's global generator without it.

    Raises:
        InvalidInputError: an argument is out of its range.

    Example:
        >>> net = CleanNet(in_features=16, generator=torch.Generator().manual_seed(0))
        >>> net.embed_references(torch.rand(3, 8, 16)).shape, net.embed_queries(torch.rand(5, 16)).shape
        (torch.Size([3, 128]), torch.Size([5, 128]))
    """

    centre: Tensor

    def __init__(
        self,
        in_features: int,
        normalization: Normalization = "auto",
        dropout: float = 0.0,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if in_features < 1:
            raise InvalidInputError(f"`in_features` must be at least 1, got {in_features}")
        if not 0.0 <= dropout < 1.0:
            raise InvalidInputError(f"`dropout` must lie in [0, 1), got {dropout}")
        check_normalization(normalization)
        self.in_features, self.normalization = in_features, normalization
        self.reference_encoder = ReferenceSetEncoder(in_features, dropout)
        self.query_encoder = QueryAutoEncoder(in_features)
        self.register_buffer("centre", torch.zeros(in_features))
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw Xavier-uniform weights anew; biases become zero."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, generator=generator)
                nn.init.zeros_(module.bias)
        context = self.reference_encoder.context
        bound = (6 / (2 * context.numel())) ** 0.5  # Xavier's, for a vector that is input and output at once
        nn.init.uniform_(context, -bound, bound, generator=generator)

    # -- from features to embeddings --------------------------------------------------------------------------------

    def fit_normalization(self, features: Float[Tensor, "N D"]) -> None:
        """Centre "auto" on raw features (a sample of the data will do); other normalisations learn nothing."""
        if self.normalization == "auto":
            self.centre.copy_(fit_centre(self._checked(features, "features", 2)))

    def normalize(self, features: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows D"]:
        """Normalise raw features (..., D), as `embed_references` and `embed_queries` do by themselves.

        Raises:
            InvalidInputError: the normalisation is "log" and a value is <= -1.
        """
        return normalize(self._checked(features, "features"), self.normalization, self.centre)

    def embed_references(
        self, references: Float[Tensor, "K R D"], *, generator: torch.Generator | None = None
    ) -> Float[Tensor, "K 128"]:
        """Embed each class from its references.

        Args:
            references: (K, R, D) raw features; rows that hold NaN or infinity do not exist (small or empty classes).
            generator: draws the dropout mask in training; torch's global generator without it.

        Returns:
            (K, 128) class embeddings in [-1, 1]; NaN for a class without references. Gradients of the other classes
            stay clean.
        """
        references = self._checked(references, "references", 3)
        present = references.isfinite().all(dim=-1)
        anything = present.any(dim=1, keepdim=True)
        # Rows that do not exist are zero on the way through, so that no NaN meets a shared weight, back or forth.
        references = references.masked_fill(~present.unsqueeze(-1), 0.0)
        embedded = self.reference_encoder(self.normalize(references), present | ~anything, generator)
        return torch.where(anything, embedded, embedded.new_tensor(torch.nan))

    def embed_queries(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B 128"]:
        """Embed raw features (B, D) as (B, 128) query embeddings in [-1, 1]."""
        return self.query_encoder.encode(self.normalize(self._checked(features, "features", 2)))

    def reconstruct(self, query_embeddings: Float[Tensor, "B 128"]) -> Float[Tensor, "B D"]:
        """Rebuild the normalised features (B, D) from query embeddings (B, 128); each number lies in [-1, 1]."""
        if query_embeddings.shape[-1] != EMBEDDING_SIZE:
            got = tuple(query_embeddings.shape)
            raise ShapeError(
                f"`query_embeddings` must have shape (B, {EMBEDDING_SIZE}), got {got}; see `embed_queries`"
            )
        return self.query_encoder.decode(query_embeddings)

    # -- weights under the reference implementation's names ---------------------------------------------------------

    def load_reference_weights(self, arrays: Mapping[str, Any]) -> None:
        """Take over weights that carry TensorFlow variable names and layout.

        Args:
            arrays: ``{"query_encoder/fully_connected/weights": (in, out) array, ...}``, all 17 variables.

        Raises:
            InvalidInputError: a variable is missing or unknown.
            ShapeError: a variable has the wrong shape; nothing is loaded then.
        """
        import_weights(self, arrays)

    def reference_weights(self) -> dict[str, FloatArray]:
        """Give the weights as `load_reference_weights` takes them."""
        return export_weights(self)

    def _checked(self, values: Tensor, name: str, ndim: int | None = None) -> Tensor:
        if values.shape[-1:] != (self.in_features,) or (ndim is not None and values.ndim != ndim):
            wanted = {2: "(N, {})", 3: "(K, R, {})"}.get(ndim or 0, "(..., {})").format(self.in_features)
            raise ShapeError(
                f"`{name}` must have shape {wanted}, got {tuple(values.shape)}; was the "
                "backbone changed since training?"
            )
        return values.to(self.centre.dtype)


def _dropout(values: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    if share == 0.0:
        return values
    draw = torch.rand(values.shape, generator=generator, device=values.device, dtype=values.dtype)
    return values * (draw >= share) / (1.0 - share)
