"""What `replace_head` makes of networks with the real heads."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import noisette
from noisette.errors import InvalidInputError
from noisette.features.timm_import import import_timm
from noisette.heads import HeteroscedasticHead, HeteroscedasticXLHead, replace_head

HEADS: dict[str, Any] = {
    "full": partial(HeteroscedasticHead, num_factors=3),
    "parameter-efficient": partial(HeteroscedasticHead, num_factors=3, parameter_efficient=True),
    "diagonal": partial(HeteroscedasticHead, num_factors=0),
    "multi-label": partial(HeteroscedasticHead, num_factors=3, multilabel=True),
    "XL": partial(HeteroscedasticXLHead, num_factors=3),
}


@pytest.fixture(params=HEADS)
def make_head(request: pytest.FixtureRequest) -> Any:
    return HEADS[request.param]


def network(*, bias: bool = True) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 9, bias=bias))


def rows(count: int = 64) -> Tensor:
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("bias", [True, False])
def test_every_head_starts_with_the_classes_of_the_layer(make_head: Any, bias: bool) -> None:
    model = network(bias=bias).eval()
    before = model(rows())
    assert replace_head(model, make_head) is model
    assert torch.equal(model(rows()).argmax(1), before.argmax(1))


def test_a_head_in_place_of_another_starts_with_its_classes(make_head: Any) -> None:
    model = replace_head(network().eval())
    before = model(rows())
    replace_head(model, make_head, layer="2")
    assert torch.equal(model(rows()).argmax(1), before.argmax(1))


def test_every_head_learns_where_it_stands(make_head: Any) -> None:
    model = replace_head(network(), make_head)
    targets = rows()[:, :3].argmax(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(30):
        loss = cross_entropy(model(rows()), targets)
        optimizer.zero_grad()
        loss.backward()
        assert all(parameter.grad is not None for parameter in model.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_dtype_and_mode_of_the_layer_are_kept_and_points_of_evaluation_not_rounded(
    make_head: Any, dtype: torch.dtype
) -> None:
    model = replace_head(network().to(dtype).eval(), make_head)
    assert {parameter.dtype for parameter in model[2].parameters()} == {dtype}
    assert {buffer.dtype for buffer in model[2].buffers()} == {torch.float32}
    assert torch.equal(model(rows().to(dtype)), model(rows().to(dtype)))


def test_no_weights_on_the_meta_device_are_no_hindrance(make_head: Any) -> None:
    model = replace_head(network().to("meta"), make_head)
    assert all(parameter.is_meta for parameter in model.parameters())


def test_a_softmax_behind_the_head_gives_its_probabilities() -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.Softmax(dim=1)).eval()
    replace_head(model)
    torch.testing.assert_close(model(rows()), model[0](rows()).exp())


def test_a_state_comes_back(make_head: Any) -> None:
    model, again = replace_head(network(), make_head).eval(), replace_head(network(), make_head).eval()
    again.load_state_dict(model.state_dict())
    assert torch.equal(model(rows()), again(rows()))


@pytest.mark.parametrize(("name", "layer"), [("resnet18", "fc"), ("convnext_atto", "head.fc")])
def test_one_line_in_a_script_that_trains_a_timm_model(name: str, layer: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = import_timm().create_model(name, pretrained=False, num_classes=7).eval()
        nn.init.normal_(model.get_classifier().weight)  # logits as far apart as those of a trained model
    images = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = model(images)
        model = noisette.heads.replace_head(model, num_factors=2)
        assert torch.equal(model(images).argmax(1), before.argmax(1))
        assert isinstance(model.get_classifier(), HeteroscedasticHead)
        assert model.get_classifier().replaced_layer == layer
        features = model.forward_head(model.forward_features(images), pre_logits=True)
        torch.testing.assert_close(model.get_classifier()(features), model(images))
    model.train()
    cross_entropy(model(images), torch.tensor([0, 1, 2])).backward()
    assert all(parameter.grad is not None for parameter in model.get_classifier().parameters())


def test_options_of_the_head_are_checked_by_the_head_and_nothing_is_replaced() -> None:
    model = network()
    with pytest.raises(InvalidInputError, match="`temperature` must be a number above 0"):
        replace_head(model, temperature=-1.0)
    assert type(model[2]) is nn.Linear
