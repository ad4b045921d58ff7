from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from noisette.errors import InvalidInputError, ShapeError
from noisette.features.penultimate import PenultimateFeatures
from noisette.features.timm_import import import_timm


class Classifier(nn.Module):
    """Registered in another order than called."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 3)
        self.conv = nn.Conv2d(3, 5, 3)
        self.squeeze = nn.Linear(5, 5)

    def forward(self, images: Tensor) -> Tensor:
        pooled = self.squeeze(self.conv(images).mean((2, 3)))
        output: Tensor = self.fc(pooled.relu())
        return output


IMAGES = torch.linspace(-1, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8)


def test_the_input_of_the_linear_layer_that_is_called_last() -> None:
    model = Classifier().eval()
    features = PenultimateFeatures(model)(IMAGES)
    torch.testing.assert_close(features, model.squeeze(model.conv(IMAGES).mean((2, 3))).relu())
    torch.testing.assert_close(model.fc(features), model(IMAGES))


def test_a_named_layer_and_the_output() -> None:
    model = Classifier().eval()
    pooled = model.conv(IMAGES).mean((2, 3))
    torch.testing.assert_close(PenultimateFeatures(model, "squeeze")(IMAGES), pooled)
    torch.testing.assert_close(PenultimateFeatures(model, "output")(IMAGES), model(IMAGES))


def test_no_hook_is_left_behind() -> None:
    model = Classifier().eval()
    PenultimateFeatures(model)(IMAGES)
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_maps_and_tokens_are_averaged() -> None:
    convolution = nn.Conv2d(3, 4, 3)
    torch.testing.assert_close(PenultimateFeatures(convolution)(IMAGES), convolution(IMAGES).mean((2, 3)))
    tokens = nn.Flatten(2)
    torch.testing.assert_close(PenultimateFeatures(tokens)(IMAGES), IMAGES.flatten(2).mean(1))


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_050", "vit_tiny_patch16_224", "convnext_atto"])
def test_timm_models_give_what_their_classifier_takes(name: str) -> None:
    model = import_timm().create_model(name, pretrained=False, num_classes=7).eval()
    images = torch.zeros(2, 3, 224, 224)
    with torch.inference_mode():
        features = PenultimateFeatures(model)(images)
        classifier = model.get_classifier()
        torch.testing.assert_close(classifier(features), model(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224", "convnext_atto"])
def test_timm_models_give_features_and_output_in_one_pass(name: str) -> None:
    model = import_timm().create_model(name, pretrained=False, num_classes=7).eval()
    images = torch.zeros(2, 3, 64, 64) if "vit" not in name else torch.zeros(2, 3, 224, 224)
    with torch.inference_mode():
        features, output = PenultimateFeatures(model).with_output(images)
        torch.testing.assert_close(features, PenultimateFeatures(model)(images))
        torch.testing.assert_close(output, model(images))


@pytest.mark.parametrize("layer", [None, "squeeze", "output"])
def test_features_come_with_the_output_of_the_same_pass_and_both_have_gradients(layer: str | None) -> None:
    model = Classifier().eval()
    features, output = PenultimateFeatures(model, layer).with_output(IMAGES)
    torch.testing.assert_close(features, PenultimateFeatures(model, layer)(IMAGES))
    torch.testing.assert_close(output, model(IMAGES))
    assert features.requires_grad
    assert output.requires_grad
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_an_unknown_layer_is_named() -> None:
    with pytest.raises(InvalidInputError, match="`layer` 'head' is no module of the model; it has fc, conv, squeeze"):
        PenultimateFeatures(Classifier(), "head")


def test_a_layer_that_is_never_called_is_named() -> None:
    model = Classifier()
    model.spare = nn.Linear(1, 1)
    with pytest.raises(InvalidInputError, match="`layer` 'spare' was not called"):
        PenultimateFeatures(model, "spare")(IMAGES)


def test_features_that_are_no_rows_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"one row a picture, got shape \(384,\) for 2 pictures"):
        PenultimateFeatures(nn.Flatten(0), "output")(IMAGES)
