"""The network of a classifier: an architecture by name with a last layer for K classes, and a head in its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from noisette.errors import DataFileError, InvalidInputError
from noisette.features import Backbone, ImageTransform, load_backbone, module_backbone
from noisette.features.timm_backbones import timm_preparation
from noisette.features.timm_import import import_timm
from noisette.features.user_models import is_user_model
from noisette.features.weights import load_weights
from noisette.heads import HeteroscedasticHead, HeteroscedasticXLHead, replace_head
from noisette.heads.last_linear import is_head, last_linear
from noisette.training import ModelFolder, read_model_folder
from noisette.training.randomness import own_randomness, seed_everything
from noisette.training.small_resnet import is_small_resnet, make_small_resnet

PLAIN = "plain"
_SMALL = 32
_NETWORK = 0x6E6574  # keeps the seed of the first weights apart from those of the training


@dataclass(frozen=True, eq=False, kw_only=True)
class Network:
    """A classifier and what it is made of.

    Attributes:
        backbone: its module gives (B, K); how pictures are prepared for it.
        architecture: its name, as `ModelFolder.backbone` has it.
        num_classes: K.
        layer: the name of its last layer; "" = timm knows.
        head: "plain", or the kind of heteroscedastic head in the place of the last layer.
        head_options: what the head was made with.
    """

    backbone: Backbone
    architecture: str
    num_classes: int
    layer: str = ""
    head: str = PLAIN
    head_options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> nn.Module:
        """The module."""
        return self.backbone.model

    @property
    def num_parameters(self) -> int:
        """Numbers that are learned."""
        return sum(value.numel() for value in self.model.parameters() if value.requires_grad)


def make_network(
    name: str,
    num_classes: int,
    *,
    pretrained: str = "",
    from_scratch: bool = False,
    image_size: int = 0,
    random_state: int = 0,
) -> Network:
    """Make a classifier with a plain last layer, new where it is not of K classes already.

    Args:
        name: a timm model; small-resnet or small-resnet:WIDTH; FILE.py:function or package.module:function.
        num_classes: K.
        pretrained: file of weights to start from; "" = the model's own pretrained ones.
        from_scratch: random weights.
        image_size: side of the pictures; 0 = the model's own.
        random_state: seed of what is new; global generators are left as they were.

    Raises:
        InvalidInputError: there is no such architecture, or the options do not go together.
        DataFileError: the weights cannot be read, or do not fit.
    """
    if name.partition(":")[0] == "pixels":
        raise InvalidInputError("`backbone` pixels has nothing to train; small-resnet is a small network for pictures")
    if pretrained and from_scratch:
        raise InvalidInputError("`pretrained` and `from_scratch` contradict each other; leave one out")
    with own_randomness():
        seed_everything(random_state ^ _NETWORK)
        if is_small_resnet(name):
            return _small_resnet(name, num_classes, pretrained, image_size)
        if is_user_model(name):
            return _users(name, num_classes, pretrained, from_scratch, image_size)
        return _timm(name, num_classes, pretrained, from_scratch, image_size)


def load_network(folder: Path, *, weights: str = "", image_size: int = 0) -> Network:
    """Load a classifier that `noisette train` wrote; other weights and sizes of pictures may be named.

    Raises:
        DataFileError: the folder holds no such classifier, or is damaged.
    """
    about = read_model_folder(folder)
    if not about.head:
        raise DataFileError(folder, "does not say which head it has; `noisette train` did not make it")
    is_users = is_user_model(about.backbone)
    network = make_network(
        about.backbone,
        len(about.class_names),
        from_scratch=not is_users,
        image_size=0 if is_users and not about.image_size else image_size or about.image_size,
    )
    network = _put_head(network, about.head, dict(about.head_options))
    load_weights(network.model, weights or about.weights)
    return network


def with_classes(network: Network, num_classes: int, *, random_state: int = 0) -> Network:
    """Give a network for other classes: a new last layer where their number differs."""
    if network.num_classes == num_classes:
        return network
    plain = with_head(network, PLAIN)
    with own_randomness():
        seed_everything(random_state ^ _NETWORK)
        layer = _new_classes(plain.model, num_classes, plain.layer)
    return dataclasses.replace(plain, num_classes=num_classes, layer=layer)


def with_head(network: Network, head: str, *, num_factors: int = 15, temperature: float = 0.0) -> Network:
    """Give a network with another head in the place of its last layer, or with a plain layer; its mean stays.

    Args:
        network: changed in place.
        head: plain, heteroscedastic, diagonal, parameter-efficient or xl.
        num_factors: rank of the covariance, at least 1; diagonal has none.
        temperature: of the head; 0 = its own.
    """
    options: dict[str, Any] = {} if head == PLAIN else {"num_factors": 0 if head == "diagonal" else num_factors}
    options |= {"parameter_efficient": True} if head == "parameter-efficient" else {}
    options |= {"temperature": temperature} if temperature and head != PLAIN else {}
    if head == network.head and options == dict(network.head_options):
        return network
    if network.head != PLAIN:
        mean: Any = network.model.get_submodule(network.layer)
        _set(network.model, network.layer, mean.loc)
    return _put_head(network, head, options)


def about_network(network: Network, class_names: tuple[str, ...], image_size: int, recipe: Any) -> ModelFolder:
    """Describe a network for its folder."""
    return ModelFolder(
        backbone=network.architecture,
        class_names=class_names,
        image_size=image_size,
        layer=network.layer,
        head=network.head,
        head_options=dict(network.head_options),
        recipe=recipe,
    )


def _small_resnet(name: str, num_classes: int, pretrained: str, image_size: int) -> Network:
    model = make_small_resnet(name, num_classes)
    if pretrained:
        load_weights(model, pretrained)
    backbone = module_backbone(model, ImageTransform(size=image_size or _SMALL, crop=1), name=name)
    return Network(backbone=backbone, architecture=name, num_classes=num_classes, layer="fc")


def _users(name: str, num_classes: int, pretrained: str, from_scratch: bool, image_size: int) -> Network:
    if from_scratch:
        raise InvalidInputError(f"`from_scratch` means nothing for {name}, which makes its own weights; leave it out")
    backbone = load_backbone(name, weights=pretrained or None, image_size=image_size or None)
    layer = _new_classes(backbone.model, num_classes, "")
    return Network(backbone=backbone, architecture=name, num_classes=num_classes, layer=layer)


def _timm(name: str, num_classes: int, pretrained: str, from_scratch: bool, image_size: int) -> Network:
    if not from_scratch:
        backbone = load_backbone(name, weights=pretrained or None, image_size=image_size or None)
        model: Any = backbone.model
        model.reset_classifier(num_classes)
        return Network(backbone=backbone, architecture=backbone.name, num_classes=num_classes)
    timm = import_timm()
    name = name.removeprefix("timm/")
    if not timm.is_model(name.split(".")[0]):
        load_backbone(name)  # says what is wrong with the name
    options: dict[str, Any] = {"pretrained": False, "num_classes": num_classes}
    try:  # vision transformers fit their position embeddings to the size when they are made
        made = timm.create_model(name, **options | ({"img_size": image_size} if image_size else {}))
    except TypeError:
        made = timm.create_model(name, **options)
    backbone = Backbone(name=name, model=made, **timm_preparation(made, image_size or None))
    return Network(backbone=backbone, architecture=name, num_classes=num_classes)


def _new_classes(model: nn.Module, num_classes: int, layer: str) -> str:
    """Put a new last layer where the number of classes differs; give its name."""
    if not layer and callable(getattr(model, "reset_classifier", None)):
        model.reset_classifier(num_classes)  # type: ignore[operator]
        return ""
    layer = layer or last_linear(model)
    last = model.get_submodule(layer)
    if not isinstance(last, nn.Linear):
        raise InvalidInputError(f"the last layer {layer!r} must be an nn.Linear, got a {type(last).__name__}")
    if last.out_features != num_classes:
        _set(model, layer, nn.Linear(last.in_features, num_classes))
    return layer


def _put_head(network: Network, head: str, options: dict[str, Any]) -> Network:
    if head == PLAIN:
        return dataclasses.replace(network, head=PLAIN, head_options={})
    make = HeteroscedasticXLHead if head == "xl" else HeteroscedasticHead
    with own_randomness():
        seed_everything(_NETWORK)
        replace_head(network.model, make, layer=network.layer or None, **options)
    (layer,) = (name for name, module in network.model.named_modules() if is_head(module))
    return dataclasses.replace(network, layer=layer, head=head, head_options=options)


def _set(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, module)
