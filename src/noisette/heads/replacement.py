"""Putting a heteroscedastic head in the place of a network's last linear layer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.functional import linear as apply_linear
from torch.nn.parallel import DistributedDataParallel
from torch.nn.parameter import is_lazy

from noisette.errors import InvalidInputError
from noisette.heads.dense_head import HeteroscedasticHead
from noisette.heads.last_linear import is_head, last_linear, linear_names

Model = TypeVar("Model", bound=nn.Module)
MakeHead = Callable[..., nn.Module]

_log = logging.getLogger(__name__)


def replace_head(
    model: Model, make_head: MakeHead = HeteroscedasticHead, *, layer: str | None = None, **options: Any
) -> Model:
    """Replace the last linear layer of a network by a heteroscedastic head, in place.

    One line between making (or loading) a model and making its optimizer, which must see the new parameters:

        model = noisette.heads.replace_head(torchvision.models.resnet50(num_classes=1000))

    The head's mean starts as the layer that it replaces, with so little noise that the predicted class of every input
    is as before. It takes over the layer's device, dtype and mode (training or evaluation), and is frozen where the
    layer's weight was. `replaced_layer` of the head, and a line of level INFO to the logger
    `noisette.heads.replacement`, name the layer; `model.get_submodule(name)` gives the head.

    From then on, the model gives what the head gives: log-probabilities (with `multilabel=True`: logits), which any
    cross-entropy takes as it took the logits before. What comes *after* the layer in the model's own `forward` cannot
    be seen: a softmax there stays right (the softmax of log-probabilities is the probabilities), a sigmoid is right
    with `multilabel=True` only, anything else must go first.

    Args:
        model: a torchvision, timm or other module; not itself an `nn.Linear`, not wrapped for distributed training yet.
        make_head: called as `make_head(in_features, num_classes, **options)`; gives a module with
            `load_linear(linear)`.
        layer: the name of the layer, as in `model.named_modules()`, such as "fc", "head.fc" or "classifier.6"; None
            finds it: timm's `get_classifier()`, else the only `nn.Linear` that nothing can come after (`last_linear`).
            The name of a head put there before replaces that head, starting from its mean.
        options: for `make_head`, such as `num_factors` and `temperature`.

    Returns:
        `model`. On an error it is left as it was.

    Raises:
        InvalidInputError: it is not clear which layer is meant (several, as with auxiliary or distillation heads, or
            none); a head has been put in before, and `layer` is None; the layer is not an ordinary `nn.Linear` (not
            yet initialised, reparametrised or pruned, shared, hooked); `make_head` gives no head.
    """
    _check_model(model)
    name = _found(model) if layer is None else layer
    linear = _linear_at(model, name)
    head = _head_like(linear, make_head, options)
    head.replaced_layer = name
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, head)
    sizes = f"{linear.in_features} features, {linear.out_features} classes"
    _log.info("replaced the layer %r (%s) by %s", name, sizes, type(head).__name__)
    return model


def _check_model(model: nn.Module) -> None:
    if not isinstance(model, nn.Module) or isinstance(model, torch.jit.ScriptModule):
        raise InvalidInputError(
            f"`model` must be a torch.nn.Module, not scripted yet (replace the head first), got {type(model).__name__}"
        )
    if any(isinstance(module, DistributedDataParallel) for module in model.modules()):
        raise InvalidInputError(
            "`model` must not be in DistributedDataParallel, which would not synchronise the head's parameters: "
            "replace the head, then wrap the model"
        )


def _found(model: nn.Module) -> str:
    heads = [name for name, module in model.named_modules() if is_head(module)]
    if heads:
        raise InvalidInputError(
            f"`model` has a {type(model.get_submodule(heads[0])).__name__} already, at {heads[0]!r}; to replace it, or "
            "another layer, say which one by `layer=...`"
        )
    return last_linear(model)


def _linear_at(model: nn.Module, name: str) -> nn.Linear:
    try:
        found = model.get_submodule(name)
    except AttributeError:
        raise InvalidInputError(
            f"`layer` {name!r} is no module of the model; its linear layers are {linear_names(model)}"
        ) from None
    if found is model:
        raise InvalidInputError(
            "`model` must hold the linear layer, not be it: nothing can be replaced in place; make a head and call its "
            "`load_linear(model)`"
        )
    _check_outside_heads(model, name)
    linear = getattr(found, "loc", None) if is_head(found) else found
    if not isinstance(linear, nn.Linear):
        raise InvalidInputError(
            f"`layer` {name!r} must be an nn.Linear, got a {type(found).__name__}; the linear layers are "
            f"{linear_names(model)}"
        )
    _check_linear(linear, name)
    _check_hooks(found, name)
    _check_unshared(model, found, linear, name)
    return linear


def _check_outside_heads(model: nn.Module, name: str) -> None:
    parents = name.split(".")[:-1]
    for depth in range(1, len(parents) + 1):
        parent = ".".join(parents[:depth])
        if is_head(model.get_submodule(parent)):
            raise InvalidInputError(f"`layer` {name!r} is part of the head at {parent!r}; name that one to replace it")


def _check_hooks(found: nn.Module, name: str) -> None:
    if found._forward_hooks or found._forward_pre_hooks or found._backward_hooks or found._backward_pre_hooks:
        raise InvalidInputError(
            f"the layer {name!r} has hooks, which would be lost; remove them, and register them on the head afterwards"
        )


def _check_linear(linear: nn.Linear, name: str) -> None:
    problem = ""
    if not {"weight", "bias"} <= linear._parameters.keys():
        problem = (
            "has a computed weight or bias (weight norm, spectral norm, pruning), which a head would not keep; "
            "make it permanent first (remove_parametrizations, remove_weight_norm, prune.remove)"
        )
    elif is_lazy(linear.weight):
        problem = "is not initialised yet (LazyLinear); run one batch through the model first"
    elif not _is_ordinary(linear):
        problem = f"does not compute x W^T + b (it is a {type(linear).__name__}); only layers that do can be replaced"
    if problem:
        raise InvalidInputError(f"the layer {name!r} {problem}")


def _is_ordinary(linear: nn.Linear) -> bool:
    """Say whether a subclass computes what nn.Linear does: timm's does, a cosine classifier does not."""
    if type(linear).forward is nn.Linear.forward or linear.weight.is_meta:
        return True
    rows = torch.linspace(-1, 1, 2 * linear.in_features).reshape(2, -1).to(linear.weight)
    with torch.no_grad():
        return torch.allclose(linear(rows), apply_linear(rows, linear.weight, linear.bias))


def _check_unshared(model: nn.Module, found: nn.Module, linear: nn.Linear, name: str) -> None:
    others = sorted({*_other_places(model, found), *_tied_weights(model, linear)} - {name})
    if others:
        raise InvalidInputError(
            f"the layer {name!r} is shared with {', '.join(others)}, which would go on with the old weights; give it "
            "weights of its own first (copy.deepcopy)"
        )


def _other_places(model: nn.Module, found: nn.Module) -> Iterator[str]:
    for parent, module in model.named_modules():
        places = [child for child, held in module._modules.items() if held is found]
        yield from (f"{parent}.{child}".strip(".") for child in places)


def _tied_weights(model: nn.Module, linear: nn.Linear) -> Iterator[str]:
    for parent, module in model.named_modules():
        if module is not linear:
            tied = [own for own, held in module._parameters.items() if held is linear.weight]
            yield from (f"{parent}.{own}".strip(".") for own in tied)


def _head_like(linear: nn.Linear, make_head: MakeHead, options: dict[str, Any]) -> Any:
    made = make_head(linear.in_features, linear.out_features, **options)
    if not isinstance(made, nn.Module) or not is_head(made):
        raise InvalidInputError(
            f"`make_head` must give a torch.nn.Module with `load_linear(linear)`, got a {type(made).__name__}; "
            "HeteroscedasticHead and HeteroscedasticXLHead do"
        )
    head: Any = made
    head.to(linear.weight.device)
    for parameter in head.parameters():  # not `head.to(dtype)`, which would round the temperature and points
        parameter.data = parameter.data.to(linear.weight.dtype)
    if not linear.weight.is_meta:
        head.load_linear(linear)
    head.train(linear.training)
    if not linear.weight.requires_grad:
        head.requires_grad_(False)
    return head
