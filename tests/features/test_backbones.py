from __future__ import annotations

import pytest
from PIL import Image

from noisette.errors import InvalidInputError
from noisette.features import load_backbone


def test_pixels_have_no_weights() -> None:
    backbone = load_backbone("pixels:4")
    assert backbone.about()["weights"] == "none"
    assert backbone.transform(Image.new("RGB", (10, 20))).shape == (3, 4, 4)


@pytest.mark.parametrize("name", ["pixels:0", "pixels:x", "pixels:1000", "pixels:²"])
def test_an_impossible_side_is_named(name: str) -> None:
    with pytest.raises(InvalidInputError, match="must be a number from 1 to 512"):
        load_backbone(name)
