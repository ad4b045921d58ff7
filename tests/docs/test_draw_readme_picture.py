from __future__ import annotations

import importlib.util
from pathlib import Path

from PIL import Image

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "draw_readme_picture.py"


def test_the_picture_of_the_readme_can_be_drawn_again(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("draw_readme_picture", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.draw(tmp_path / "readme.png")
    with Image.open(tmp_path / "readme.png") as picture:
        assert picture.format == "PNG"
        assert picture.size == (1560, 525)
        assert len(picture.getcolors(1 << 20) or []) > 100
