from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import linear as apply_linear
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import parametrizations, prune

from noisette.errors import InvalidInputError
from noisette.features.timm_import import import_timm, with_operators
from noisette.heads.replacement import replace_head


class Head(nn.Module):
    """The least that is asked of a head."""

    def __init__(self, in_features: int, num_classes: int, *, scale: float = 1.0) -> None:
        super().__init__()
        self.loc = nn.Linear(in_features, num_classes)
        self.scale = scale
        self.noise = nn.Parameter(torch.zeros(num_classes))

    def load_linear(self, linear: nn.Linear) -> None:
        with torch.no_grad():
            self.loc.weight.copy_(linear.weight)
            nn.init.zeros_(self.loc.bias) if linear.bias is None else self.loc.bias.copy_(linear.bias)

    def forward(self, rows: Tensor) -> Tensor:
        logits: Tensor = self.loc(rows) * self.scale
        return logits.log_softmax(1)


class Net(nn.Module):
    def __init__(self, *, bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)
        self.fc = nn.Linear(5, 4, bias=bias)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.conv(images).mean((2, 3)))
        return logits


def images(count: int = 3, size: int = 64) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0))


def same_classes(before: Tensor, after: Tensor) -> None:
    assert torch.equal(before.argmax(1), after.argmax(1))
    torch.testing.assert_close(before.log_softmax(1), after, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bias", [True, False])
def test_the_model_is_the_same_object_and_predicts_the_same_classes(bias: bool) -> None:
    model = Net(bias=bias)
    before = model(images())
    assert replace_head(model, Head) is model
    assert isinstance(model.fc, Head)
    same_classes(before, model(images()))


@pytest.mark.parametrize(
    ("name", "layer", "options"),
    [
        ("resnet18", "fc", {}),
        ("convnext_atto", "head.fc", {}),
        ("efficientnet_b0", "classifier", {}),
        ("vit_tiny_patch16_224", "head", {"img_size": 64}),
    ],
)
def test_a_timm_model_stays_one(name: str, layer: str, options: dict[str, Any]) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = import_timm().create_model(name, pretrained=False, num_classes=7, **options).eval()
        nn.init.normal_(model.get_classifier().weight)  # logits as far apart as those of a trained model
    with torch.inference_mode():
        before, features = model(images()), model.forward_features(images())
        assert replace_head(model, Head) is model
        same_classes(before, model(images()))
        assert model.num_classes == 7
        assert model.get_classifier() is model.get_submodule(layer)
        assert model.get_classifier().replaced_layer == layer
        torch.testing.assert_close(model.forward_head(features), model(images()))
        assert model.forward_head(features, pre_logits=True).shape == (3, model.num_features)
    model.reset_classifier(5)
    assert isinstance(model.get_classifier(), nn.Linear)


@pytest.mark.parametrize("heads", [["head"], ["head", "head_dist"]])
def test_one_or_both_heads_of_a_distilled_model(heads: list[str]) -> None:
    model = import_timm().create_model("deit_tiny_distilled_patch16_224", img_size=64, num_classes=7).eval()
    for head in heads:
        replace_head(model, Head, layer=head)
    assert [name for name, module in model.named_modules() if isinstance(module, Head)] == heads
    assert model(images()).shape == (3, 7)


def test_torchvision_models_with_and_without_auxiliary_classifier() -> None:
    def load() -> Any:
        import torchvision.models

        return torchvision.models

    models = with_operators(load)
    plain = models.resnet18(num_classes=7).eval()
    before = plain(images())
    same_classes(before, replace_head(plain, Head)(images()))
    with torch.device("meta"):
        inception = models.inception_v3(num_classes=7, init_weights=False)
    replace_head(inception, Head, layer="fc")
    assert isinstance(inception.fc, Head)
    assert isinstance(inception.AuxLogits.fc, nn.Linear)
    assert inception.fc.loc.weight.is_meta


def test_options_go_to_the_head_and_the_layer_is_told(caplog: pytest.LogCaptureFixture) -> None:
    model = Net()
    with caplog.at_level(logging.INFO, logger="noisette"):
        replace_head(model, Head, scale=0.5)
    head: Any = model.fc
    assert head.scale == 0.5
    assert head.replaced_layer == "fc"
    assert caplog.messages == ["replaced the layer 'fc' (5 features, 4 classes) by Head"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dtype_mode_and_freezing_are_those_of_the_layer(dtype: torch.dtype) -> None:
    model = Net().to(dtype).eval()
    head: Any = replace_head(model, Head).fc
    assert {parameter.dtype for parameter in head.parameters()} == {dtype}
    assert not head.training
    assert all(parameter.requires_grad for parameter in head.parameters())
    frozen: Any = replace_head(Net().requires_grad_(False), Head).fc
    assert frozen.training
    assert not any(parameter.requires_grad for parameter in frozen.parameters())


def test_the_device_is_that_of_the_layer() -> None:
    head: Any = replace_head(Net().to("meta"), Head).fc
    assert all(parameter.is_meta for parameter in head.parameters())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_model_on_a_gpu_gets_its_head_there() -> None:
    model = replace_head(Net().cuda(), Head)
    assert model(images().cuda()).is_cuda


def test_a_second_head_is_refused_unless_its_layer_is_named() -> None:
    model = nn.ModuleDict({"one": nn.Linear(3, 2), "two": nn.Linear(3, 2)})
    replace_head(model, Head, layer="one")
    with pytest.raises(InvalidInputError, match="has a Head already, at 'one'; to replace it, or another layer, say"):
        replace_head(model, Head)
    replace_head(model, Head, layer="two")
    assert all(isinstance(child, Head) for child in model.children())


def test_a_head_that_is_named_is_replaced_and_its_mean_kept() -> None:
    model = Net()
    before = model(images())
    first: Any = replace_head(model, Head).fc
    second: Any = replace_head(model, Head, layer="fc").fc
    assert second is not first
    same_classes(before, model(images()))
    with pytest.raises(InvalidInputError, match=r"`layer` 'fc\.loc' is part of the head at 'fc'; name that one"):
        replace_head(model, Head, layer="fc.loc")
    with pytest.raises(InvalidInputError, match="its linear layers are none"):
        replace_head(model, Head, layer="head")


def test_a_layer_that_is_not_there_or_not_linear() -> None:
    with pytest.raises(InvalidInputError, match="`layer` 'head' is no module of the model; its linear layers are 'fc'"):
        replace_head(Net(), Head, layer="head")
    with pytest.raises(
        InvalidInputError, match=r"`layer` 'conv' must be an nn\.Linear, got a Conv2d; the linear layers"
    ):
        replace_head(Net(), Head, layer="conv")
    with pytest.raises(InvalidInputError, match=r"got a Sequential; the linear layers are '0\.0', '1'"):
        replace_head(nn.Sequential(nn.Sequential(nn.Linear(3, 3)), nn.Linear(3, 2)), Head, layer="0")
    with pytest.raises(InvalidInputError, match="'0' is no module of the model; its linear layers are none"):
        replace_head(nn.Identity(), Head, layer="0")


@pytest.mark.parametrize("layer", [None, ""])
def test_a_model_that_is_the_layer_itself(layer: str | None) -> None:
    with pytest.raises(InvalidInputError, match=r"must hold the linear layer, not be it.*`load_linear\(model\)`"):
        replace_head(nn.Linear(3, 2), Head, layer=layer)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_models_that_cannot_be_changed() -> None:
    with pytest.raises(InvalidInputError, match=r"must be a torch\.nn\.Module, not scripted yet .*, got str"):
        replace_head("resnet18", Head)  # type: ignore[type-var]
    with pytest.raises(InvalidInputError, match=r"not scripted yet .*, got RecursiveScriptModule"):
        replace_head(torch.jit.script(nn.Sequential(nn.Linear(3, 2))), Head)


def test_a_model_wrapped_for_distributed_training(tmp_path: Path) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        wrapped = DistributedDataParallel(Net())
        with pytest.raises(InvalidInputError, match="must not be in DistributedDataParallel"):
            replace_head(wrapped, Head)
    finally:
        torch.distributed.destroy_process_group()


def reparametrised() -> nn.Module:
    layer: nn.Module = parametrizations.weight_norm(nn.Linear(5, 4))
    return layer


def pruned() -> nn.Module:
    layer: nn.Module = prune.random_unstructured(nn.Linear(5, 4), "bias", amount=1)
    return layer


@pytest.mark.parametrize("make", [reparametrised, pruned])
def test_a_layer_whose_weight_or_bias_is_computed(make: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"the layer '0' has a computed weight or bias .* make it permanent"):
        replace_head(nn.Sequential(make()), Head)


def test_a_lazy_layer_waits_for_its_first_batch() -> None:
    model = nn.Sequential(nn.LazyLinear(3))
    with pytest.raises(InvalidInputError, match=r"the layer '0' is not initialised yet \(LazyLinear\); run one batch"):
        replace_head(model, Head)
    model(torch.zeros(2, 5))
    assert replace_head(model, Head)(torch.zeros(2, 5)).shape == (2, 3)


def test_a_layer_with_hooks() -> None:
    model = Net()
    handle = model.fc.register_forward_pre_hook(lambda *_: None)
    with pytest.raises(InvalidInputError, match="the layer 'fc' has hooks, which would be lost"):
        replace_head(model, Head)
    handle.remove()
    replace_head(model, Head)


class Alias(nn.Linear):
    def forward(self, rows: Tensor) -> Tensor:
        return apply_linear(rows, self.weight, self.bias)


class Cosine(nn.Linear):
    def forward(self, rows: Tensor) -> Tensor:
        return apply_linear(rows, nn.functional.normalize(self.weight), self.bias)


def test_a_subclass_must_compute_what_a_linear_layer_does() -> None:
    assert isinstance(replace_head(nn.Sequential(Alias(5, 4)), Head)[0], Head)
    with pytest.raises(InvalidInputError, match=r"the layer '0' does not compute x W\^T \+ b \(it is a Cosine\)"):
        replace_head(nn.Sequential(Cosine(5, 4)), Head)


def test_a_shared_layer_or_weight() -> None:
    model = nn.ModuleDict({"one": nn.Linear(4, 4)})
    model["two"] = model["one"]
    with pytest.raises(InvalidInputError, match="the layer 'two' is shared with one, which would go on with the old"):
        replace_head(model, Head, layer="two")
    tied = nn.ModuleDict({"embed": nn.Embedding(3, 5), "decode": nn.Linear(5, 3)})
    tied["decode"].weight = tied["embed"].weight
    with pytest.raises(InvalidInputError, match=r"the layer 'decode' is shared with embed\.weight, which"):
        replace_head(tied, Head)


def test_a_network_that_is_used_twice_is_no_hindrance() -> None:
    net = Net()
    twins = nn.ModuleDict({"one": net, "two": net})
    replace_head(twins, Head)
    assert isinstance(net.fc, Head)


def test_what_is_no_head_is_refused_and_the_model_left_as_it_was() -> None:
    model = Net()
    with pytest.raises(InvalidInputError, match=r"`make_head` must give .* with `load_linear\(linear\)`, got a Linear"):
        replace_head(model, nn.Linear)
    with pytest.raises(TypeError, match="num_factor"):
        replace_head(model, Head, num_factor=3)
    assert type(model.fc) is nn.Linear


def test_a_compiled_model_computes_with_its_new_head() -> None:
    model = Net()
    compiled: Any = torch.compile(model, backend="eager")
    before = compiled(images())
    replace_head(compiled, Head)
    assert isinstance(model.fc, Head)
    same_classes(before, compiled(images()))


def test_a_trained_model_comes_back_from_its_state() -> None:
    model = replace_head(Net(), Head)
    again = replace_head(Net(), Head)
    again.load_state_dict(model.state_dict())
    assert torch.equal(model(images()), again(images()))
