"""Which linear layer of a network is its last: what its authors say, else what its structure leaves no doubt about."""

from __future__ import annotations

from torch import nn
from torch.nn.parameter import is_lazy

from noisette.errors import InvalidInputError

# What may stand behind a last layer in a Sequential: it leaves (B, K) alone, or makes probabilities of it.
_PASSES = (nn.Identity, nn.Dropout, nn.Flatten, nn.Softmax, nn.LogSoftmax, nn.Sigmoid, nn.LogSigmoid, nn.Sequential)
_MOST_NAMES = 6


def last_linear(model: nn.Module) -> str:
    """Name the last linear layer of a network, as in `named_modules`.

    A model with `get_classifier()` (timm's convention) says itself. In any other, it is the one `nn.Linear` behind
    which nothing can come:

    - no other `nn.Linear` takes as many features as it gives (unless a `nn.Sequential` puts that one before it);
    - no other layer with weights is registered after it and has a side as long as its output;
    - nothing but dropout, flattening, softmax or sigmoid follows it in a `nn.Sequential`;
    - it is not part of an attention block.

    So the order of registration alone decides nothing: it need not be the order of the calls.

    Raises:
        InvalidInputError: no layer, or more than one, is like that; the message names them.
    """
    own = _own_classifier(model)
    if own is None:
        return _only_end(model, "")
    found = model.get_submodule(own)
    return own if isinstance(found, nn.Linear) else _only_end(found, own)


def linear_names(model: nn.Module) -> str:
    """List the last linear layers of a network, for a message; those within heads are not for users to name."""
    inside = tuple(f"{name}." for name, module in model.named_modules() if is_head(module))
    linears = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    return _listed([name for name in linears if not name.startswith(inside)])


def is_head(module: nn.Module) -> bool:
    """Say whether a module is a heteroscedastic head, or can be used as one."""
    return callable(getattr(module, "load_linear", None))


def _own_classifier(model: nn.Module) -> str | None:
    give = getattr(model, "get_classifier", None)
    if not callable(give):
        return None
    found = give()
    names = {id(module): name for name, module in model.named_modules()}
    if isinstance(found, (tuple, list)):
        raise _several([_full(names[id(each)], end) for each in found for end in _ends(each)])
    if isinstance(found, nn.Identity):
        raise InvalidInputError(
            "`model` has no classifier (its `get_classifier()` is an Identity, as with num_classes=0); make it with "
            "the number of classes, or name another layer by `layer=...`"
        )
    return names.get(id(found))


def _only_end(root: nn.Module, prefix: str) -> str:
    ends = [_full(prefix, name) for name in _ends(root)]
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise _several(ends)
    if any(isinstance(module, nn.Linear) for module in root.modules()):
        raise InvalidInputError(
            f"`model` has no nn.Linear that is surely its last; say which one by `layer=...`: {linear_names(root)}"
        )
    what = f"its classifier {prefix!r} is a {type(root).__name__}" if prefix else f"it is a {type(root).__name__}"
    raise InvalidInputError(
        f"`model` must have an nn.Linear as its last layer, but {what} without any; a convolution over pooled features "
        "must be made an nn.Linear (with a Flatten before it) first"
    )


def _full(parent: str, name: str) -> str:
    return f"{parent}.{name}".strip(".")


def _several(names: list[str]) -> InvalidInputError:
    return InvalidInputError(
        f"`model` has several layers that could be its last, {_listed(names)}; say which one by `layer=...` (call once "
        "for each of them to replace them all)"
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[-_MOST_NAMES:])
    if not names:
        return "none"
    return shown if len(names) <= _MOST_NAMES else f"{shown} (the last {_MOST_NAMES} of {len(names)})"


def _ends(root: nn.Module) -> list[str]:
    """Name the linear layers that nothing can come after."""
    position = {name: number for number, (name, _) in enumerate(root.named_modules())}
    weighty = [(name, module) for name, module in root.named_modules() if _has_weights(module)]
    return [
        name
        for name, module in weighty
        if isinstance(module, nn.Linear)
        and not _in_attention(root, name)
        and not _is_followed_in_sequential(root, name)
        and not any(
            _may_follow(root, position, name, other) for other, _ in weighty if not f"{other}.".startswith(f"{name}.")
        )
    ]


def _has_weights(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or any(True for _ in module.parameters(recurse=False))


def _in_attention(root: nn.Module, name: str) -> bool:
    parts = name.split(".")
    for depth, part in enumerate(parts, start=1):
        words = f"{part} {type(root.get_submodule('.'.join(parts[:depth]))).__name__}".lower()
        if name and ("attention" in words or "attn" in words):
            return True
    return False


def _is_followed_in_sequential(root: nn.Module, name: str) -> bool:
    parts = name.split(".") if name else []
    for depth, part in enumerate(parts):
        parent = root.get_submodule(".".join(parts[:depth]))
        if isinstance(parent, nn.Sequential):
            children = dict(parent.named_children())
            after = list(children.values())[list(children).index(part) + 1 :]
            if not all(isinstance(leaf, _PASSES) for child in after for leaf in child.modules()):
                return True
    return False


def _may_follow(root: nn.Module, position: dict[str, int], name: str, other: str) -> bool:
    """Say whether the output of the linear layer `name` could be the input of `other`, as far as the sizes show."""
    if _is_before_in_sequential(root, position, other, name):
        return False
    num_outputs, module = root.get_submodule(name).out_features, root.get_submodule(other)
    if isinstance(module, nn.Linear):
        return module.in_features == num_outputs
    sides = {side for p in module.parameters(recurse=False) if not is_lazy(p) for side in p.shape[:2]}
    return position[other] > position[name] and num_outputs in sides


def _is_before_in_sequential(root: nn.Module, position: dict[str, int], first: str, second: str) -> bool:
    common = []
    for one, two in zip(first.split("."), second.split("."), strict=False):
        if one != two:
            break
        common.append(one)
    return isinstance(root.get_submodule(".".join(common)), nn.Sequential) and position[first] < position[second]
