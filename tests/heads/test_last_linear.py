from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from noisette.errors import InvalidInputError
from noisette.features.timm_import import import_timm, with_operators
from noisette.heads.last_linear import last_linear


def timm_model(name: str, **options: Any) -> nn.Module:
    with torch.device("meta"):
        model: nn.Module = import_timm().create_model(name, pretrained=False, **options)
    return model


def torchvision_model(name: str, **options: Any) -> nn.Module:
    def load() -> Any:
        import torchvision.models

        return torchvision.models

    models = with_operators(load)
    with torch.device("meta"):
        model: nn.Module = getattr(models, name)(weights=None, **options)
    return model


class Wrapped(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model


def module(**children: nn.Module) -> nn.Module:
    """Make a module that says nothing of the order in which it calls its children."""
    made = nn.Module()
    for name, child in children.items():
        made.add_module(name, child)
    return made


def linears(*sizes: int) -> list[nn.Module]:
    return [nn.Linear(a, b) for a, b in pairwise(sizes)]


TIMM = {
    "resnet18": "fc",
    "efficientnet_b0": "classifier",
    "mobilenetv3_small_050": "classifier",
    "convnext_atto": "head.fc",
    "vit_tiny_patch16_224": "head",
    "swin_tiny_patch4_window7_224": "head.fc",
}


@pytest.mark.parametrize(("name", "layer"), TIMM.items())
def test_timm_models_name_their_classifier_also_within_another_module(name: str, layer: str) -> None:
    model = timm_model(name)
    assert last_linear(model) == layer
    assert last_linear(Wrapped(model)) == f"model.{layer}"


TORCHVISION = {
    "resnet18": "fc",
    "vgg11": "classifier.6",
    "mobilenet_v3_small": "classifier.3",
    "densenet121": "classifier",
    "vit_b_16": "heads.head",
    "convnext_tiny": "classifier.2",
    "swin_t": "head",
    "maxvit_t": "classifier.5",
}


@pytest.mark.parametrize(("name", "layer"), TORCHVISION.items())
def test_the_last_linear_layer_of_torchvision_models(name: str, layer: str) -> None:
    options = {"input_size": (224, 224)} if name == "maxvit_t" else {}
    assert last_linear(torchvision_model(name, **options)) == layer


@pytest.mark.parametrize(
    ("name", "layers"),
    [("deit_tiny_distilled_patch16_224", "'head', 'head_dist'"), ("levit_128s", "'head.linear', 'head_dist.linear'")],
)
def test_the_two_heads_of_a_distilled_model_are_named(name: str, layers: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"could be its last, {layers}; say which one by `layer=\.\.\.`"):
        last_linear(timm_model(name))


@pytest.mark.parametrize(
    ("name", "layers"), [("inception_v3", "'AuxLogits.fc', 'fc'"), ("googlenet", "'aux1.fc2', 'aux2.fc2', 'fc'")]
)
def test_auxiliary_classifiers_are_named(name: str, layers: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"could be its last, {layers}; say which one by `layer=\.\.\.`"):
        last_linear(torchvision_model(name, init_weights=False))


def test_a_convolution_as_classifier_is_explained() -> None:
    with pytest.raises(InvalidInputError, match="but it is a SqueezeNet without any; a convolution over pooled"):
        last_linear(torchvision_model("squeezenet1_1"))
    with pytest.raises(
        InvalidInputError, match=r"but its classifier 'head\.fc' is a Conv2d without any; a convolution"
    ):
        last_linear(timm_model("resnetv2_50x1_bit"))


def test_a_timm_model_without_classifier_is_explained() -> None:
    with pytest.raises(InvalidInputError, match=r"has no classifier \(its `get_classifier\(\)` is an Identity"):
        last_linear(timm_model("resnet18", num_classes=0))


def test_a_classifier_of_timm_that_is_more_than_a_linear_layer() -> None:
    model = module(body=nn.Linear(7, 7), head=nn.Sequential(nn.BatchNorm1d(7), nn.Linear(7, 7)))
    model.get_classifier = lambda: model.head  # type: ignore[assignment]
    assert last_linear(model) == "head.1"


def test_a_sequential_goes_in_order_whatever_the_sizes() -> None:
    assert last_linear(nn.Sequential(*linears(5, 5, 5, 5))) == "2"
    named = nn.Sequential(OrderedDict(body=nn.Sequential(*linears(5, 5, 5)), drop=nn.Dropout(), top=nn.Linear(5, 5)))
    assert last_linear(named) == "top"
    assert last_linear(Wrapped(named)) == "model.top"


def test_probabilities_behind_the_last_layer_are_no_hindrance() -> None:
    assert last_linear(nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))) == "0"
    assert last_linear(nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.Dropout(), nn.LogSoftmax(dim=1)))) == "0"


@pytest.mark.parametrize("after", [nn.ReLU(), nn.BatchNorm1d(3), nn.Sequential(nn.Flatten(), nn.Tanh())])
def test_a_linear_layer_with_more_to_come_is_not_taken(after: nn.Module) -> None:
    with pytest.raises(
        InvalidInputError, match=r"no nn\.Linear that is surely its last; say which one by `layer=\.\.\.`: '0'"
    ):
        last_linear(nn.Sequential(nn.Linear(4, 3), after))


def test_sizes_tell_the_last_layer_whatever_the_order_of_registration() -> None:
    fc, squeeze, wide = nn.Linear(5, 3), nn.Linear(5, 5), nn.Linear(7, 5)
    assert last_linear(module(wide=wide, squeeze=squeeze, fc=fc)) == "fc"
    assert last_linear(module(fc=fc, squeeze=squeeze, wide=wide)) == "fc"


def test_where_sizes_leave_doubt_the_layers_are_named() -> None:
    with pytest.raises(InvalidInputError, match=r"no nn\.Linear that is surely its last.*: 'one', 'two'"):
        last_linear(module(one=nn.Linear(5, 5), two=nn.Linear(5, 5)))
    with pytest.raises(InvalidInputError, match="could be its last, 'colour', 'shape'; say which"):
        last_linear(module(body=nn.Linear(9, 5), colour=nn.Linear(5, 7), shape=nn.Linear(5, 12)))


def test_a_gate_before_a_convolutional_classifier_is_not_taken_for_it() -> None:
    gate = nn.Sequential(nn.Linear(64, 4), nn.ReLU(), nn.Linear(4, 64), nn.Sigmoid())
    with pytest.raises(InvalidInputError, match=r"surely its last.*: 'gate\.0', 'gate\.2'"):
        last_linear(module(stem=nn.Conv2d(3, 64, 3), gate=gate, top=nn.Conv2d(64, 10, 1)))


def test_a_layer_that_takes_as_many_features_as_there_are_classes_is_a_doubt_only_when_registered_after() -> None:
    fc, norm = nn.Linear(8, 6), nn.BatchNorm1d(6)
    assert last_linear(module(norm=norm, fc=fc)) == "fc"
    assert last_linear(module(fc=fc, other=nn.BatchNorm1d(8), table=nn.Embedding(9, 4))) == "fc"
    with pytest.raises(InvalidInputError, match="surely its last"):
        last_linear(module(fc=fc, norm=norm))


def test_attention_is_passed_over() -> None:
    class SelfAttention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv = nn.Linear(6, 18)

    attention: list[nn.Module] = [nn.MultiheadAttention(6, 2), SelfAttention(), module(attn=nn.Linear(6, 18))]
    for block in attention:
        assert last_linear(module(fc=nn.Linear(6, 4), block=block)) == "fc"


def test_a_lazy_layer_is_found_and_hinders_none() -> None:
    assert last_linear(nn.Sequential(nn.LazyLinear(8), nn.LazyLinear(3))) == "1"
    assert last_linear(module(fc=nn.Linear(8, 3), conv=nn.LazyConv2d(3, 3))) == "fc"


def test_a_long_list_is_cut() -> None:
    heads = {f"h{number}": nn.Linear(3, 10 + number) for number in range(20)}
    with pytest.raises(InvalidInputError, match=r"last, 'h14', .*'h19' \(the last 6 of 20\); say"):
        last_linear(module(**heads))
