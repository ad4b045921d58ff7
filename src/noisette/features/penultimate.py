"""The features of a classifier: what goes into its last layer, whoever built it."""

from __future__ import annotations

import inspect
from typing import Any, final

from torch import Tensor, nn

from noisette.errors import InvalidInputError, ShapeError

OUTPUT = "output"
"""The name for the output of the model itself, where it is features already."""


@final
class PenultimateFeatures(nn.Module):
    """A model, seen up to the input of its last layer.

    - `layer` None: for a timm model its pooled features before the classifier; for any other model the input of the
      linear layer that is called last, or the output of a model that has none.
    - `layer` "output": the output of the model.
    - `layer` another name (as in `named_modules`): the input of that module.

    Feature maps (B, C, H, W) are averaged over space, token sequences (B, T, C) over tokens.

    Args:
        model: any module that takes (B, 3, H, W); it is used as it is, not copied.
        layer: see above.

    Raises:
        InvalidInputError: the model has no module of that name.
    """

    def __init__(self, model: nn.Module, layer: str | None = None) -> None:
        super().__init__()
        self.model = model
        self._layer = layer
        self._seen: Tensor | None = None
        self._hooked = self._modules_to_watch()

    def forward(self, images: Tensor) -> Tensor:
        """Give (B, D) features.

        Raises:
            InvalidInputError: the named module was not called.
            ShapeError: the features are not one row a picture.
        """
        features = self._from_timm(images) if self._is_timm() else self._watched(images, self._hooked)[0]
        return _rows(features, images)

    def with_output(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Give (B, D) features and the output of the model, of one pass; gradients flow through both.

        Raises:
            InvalidInputError: the named module was not called.
            ShapeError: the features are not one row a picture.
        """
        features, output = self._watched(images, self._timm_heads() if self._is_timm() else self._hooked)
        return _rows(features, images), output

    def _is_timm(self) -> bool:
        head = getattr(self.model, "forward_head", None)
        if self._layer is not None or head is None or not hasattr(self.model, "forward_features"):
            return False
        return "pre_logits" in inspect.signature(head).parameters

    def _from_timm(self, images: Tensor) -> Tensor:
        model: Any = self.model
        features: Tensor = model.forward_head(model.forward_features(images), pre_logits=True)
        return features

    def _timm_heads(self) -> list[nn.Module]:
        model: Any = self.model
        heads = model.get_classifier()
        return list(heads) if isinstance(heads, tuple) else [heads]  # a distilled model has two

    def _watched(self, images: Tensor, modules: list[nn.Module]) -> tuple[Tensor, Any]:
        """Give what went into that of the modules which was called last, and the output; without any, that twice."""
        self._seen = None
        handles = [module.register_forward_pre_hook(self._see) for module in modules]
        try:
            output = self.model(images)
        finally:
            for handle in handles:
                handle.remove()
        seen, self._seen = self._seen, None
        if not modules:
            seen = output
        if not isinstance(seen, Tensor):
            what = "was not called" if seen is None else f"gave {type(seen).__name__}, not a tensor"
            raise InvalidInputError(f"`layer` {self._layer or OUTPUT!r} {what}; name another")
        return seen, output

    def _see(self, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if inputs and isinstance(inputs[0], Tensor):
            self._seen = inputs[0]

    def _modules_to_watch(self) -> list[nn.Module]:
        if self._layer == OUTPUT or self._is_timm():
            return []
        if self._layer is None:
            return [module for module in self.model.modules() if isinstance(module, nn.Linear)]
        found = dict(self.model.named_modules()).get(self._layer)
        if found is None:
            names = [name for name, _ in self.model.named_children()]
            raise InvalidInputError(f"`layer` {self._layer!r} is no module of the model; it has {', '.join(names)}")
        return [found]


def _rows(features: Tensor, images: Tensor) -> Tensor:
    if features.ndim < 2 or features.shape[0] != images.shape[0]:
        raise ShapeError(
            f"the features must be one row a picture, got shape {tuple(features.shape)} for {images.shape[0]} "
            "pictures; name another `layer`"
        )
    if features.ndim == 4:
        return features.mean(dim=(2, 3))
    return features.mean(dim=1) if features.ndim == 3 else features.flatten(1)
