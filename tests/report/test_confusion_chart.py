from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from noisette.report import ClassConfusions, class_confusions, confusion_figure, render_report, write_confusion_figure
from noisette.report.confusion_chart import NEGATIVE, POSITIVE
from noisette.types import Float64Array, IntArray
from tests.report.example import make_report
from tests.report.test_confusions import chances, made, names


def pixels(svg: str) -> list[IntArray]:
    """Give the pictures in a figure, (height, width, RGBA)."""
    found = re.findall(r'href="data:image/png;base64,([^"]+)"', svg)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))).astype(np.int64) for text in found]


def with_map(correlation: Float64Array, **options: Any) -> ClassConfusions:
    size = len(correlation)
    return ClassConfusions(
        class_names=names(size),
        correlation=correlation,
        pairs=class_confusions(np.eye(size), names(size)).pairs,
        num_classes=size,
        are_chances=False,
        **options,
    )


def test_the_map_has_one_pixel_a_pair_hue_for_the_sign_and_opacity_for_the_size() -> None:
    values = np.eye(4)
    values[0, 1] = values[1, 0] = 0.4
    values[2, 3] = values[3, 2] = -0.2
    seen = pixels(confusion_figure(with_map(values)))[0]
    assert seen.shape == (4, 4, 4)
    colors = {"#" + "".join(f"{channel:02x}" for channel in seen[i, j, :3]): (i, j) for i, j in ((0, 1), (2, 3))}
    assert colors == {POSITIVE: (0, 1), NEGATIVE: (2, 3)}
    assert seen[0, 1, 3] == pytest.approx(2 * seen[2, 3, 3], abs=1)
    assert seen[0, 1, 3] > 200
    assert seen[0, 2, 3] == 0
    assert (np.diagonal(seen[..., 3]) == 0).all()


@pytest.mark.parametrize(("largest", "end"), [(0.4, "0.4"), (0.41, "0.5"), (0.0, "0.1"), (1.0, "1")])
def test_the_scale_ends_at_the_largest_correlation_rounded_up(largest: float, end: str) -> None:
    values = np.array([[1.0, -largest], [-largest, 1.0]])
    svg = confusion_figure(with_map(values))
    assert f">{end}</text>" in svg
    assert f">\N{MINUS SIGN}{end}</text>" in svg


@pytest.mark.parametrize("size", [2, 3, 10, 24, 25, 60])
def test_few_and_many_classes_have_a_name_on_either_side(size: int) -> None:
    svg = confusion_figure(made(2 * ((size + 1) // 2)) if size < 60 else made(120))
    shown = re.findall(r">(class \d+)</text>", svg)
    assert len(shown) == 2 * len(set(shown))
    assert pixels(svg)[0].shape[0] == len(set(shown)) <= 60
    assert len(svg) < 200_000


def test_numbers_stand_in_the_cells_of_few_classes_and_none_is_minus_nothing() -> None:
    values = np.array([[1.0, -0.001], [-0.001, 1.0]])
    svg = confusion_figure(with_map(values))
    assert svg.count(">0.00</text>") == 2
    assert "0.00</text>" not in confusion_figure(made(14))


def test_the_part_that_is_noise_is_drawn_where_it_is_known() -> None:
    assert "noise of the labels" in confusion_figure(made())
    assert "noise of the labels" not in confusion_figure(made(label_noise=None))
    assert "covariance of the noise" in confusion_figure(made(disagreement=None, label_noise=None))
    beyond = made(label_noise=-chances(8))
    assert "noise of the labels" in confusion_figure(beyond)


def test_the_description_lists_the_pairs() -> None:
    found = made()
    first = found.pairs[0].names
    label = re.search(r'aria-label="([^"]+)"', confusion_figure(found))
    assert label is not None
    assert label.group(1).startswith(f"Correlation of the noise of 8 classes. Most confused: {' and '.join(first)} ")


def test_names_never_become_markup_in_page_or_file(tmp_path: Path) -> None:
    evil = ["<script>x</script>", 'a"onload="y', "R&D $x_1$", "\N{CJK UNIFIED IDEOGRAPH-732B}\nneko" + "o" * 90]
    found = class_confusions(np.eye(4), evil, disagreement=chances(4))
    page = render_report(make_report(confusions=found))
    assert "<script" not in page
    assert all(not name.startswith("on") for name in re.findall(r"<[^>]*?\s(\w+)=", page))
    write_confusion_figure(tmp_path / "a.svg", found)
    texts = [element.text for element in ElementTree.parse(tmp_path / "a.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert "<script>x</script>" in texts
    assert "R&D $x_1$" in texts


def test_the_file_stands_alone_and_is_the_same_each_time(tmp_path: Path) -> None:
    write_confusion_figure(tmp_path / "new" / "a.svg", made())
    text = (tmp_path / "new" / "a.svg").read_text(encoding="utf-8")
    with mpl.rc_context({"font.size": 30, "svg.hashsalt": None, "image.composite_image": False}):
        write_confusion_figure(tmp_path / "b.svg", made())
    assert (tmp_path / "b.svg").read_text(encoding="utf-8") == text
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", text))
    assert used
    assert all(f"{name}: #" in text for name in used)
    assert "prefers-color-scheme: dark" in text
    sources = re.findall(r'href="([^"]+)"', text)
    assert all(source.startswith(("data:image/", "#")) for source in sources)
    assert str(tmp_path) not in text
