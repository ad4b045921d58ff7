"""Every recipe runs, with a tiny network on made-up pictures; none says anything of what it reaches in full."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import pytest

import clothing1m_cleannet
import food101n_cleannet
import imagenet_heteroscedastic
import open_images_multilabel
import webvision_cleannet
import webvision_heteroscedastic

RECIPES = Path(__file__).parents[2] / "recipes"
CLEANNET = {
    "food101n": (food101n_cleannet, {"validation": 3, "test": 6}),
    "clothing1m": (clothing1m_cleannet, {"validation": 24, "test": 24}),
    "webvision": (webvision_cleannet, {"validation": 6}),
}


@pytest.mark.parametrize("name", CLEANNET)
def test_cleannet_recipes_tune_a_classifier_round_by_round(name: str, tmp_path: Path) -> None:
    recipe, sizes = CLEANNET[name]
    found = recipe.main([str(tmp_path / "work"), "--rounds", "1", "--smoke"])
    verified = ["round-1-verified"] if name == "clothing1m" else []
    assert [record.name for record in found] == ["round-0", "round-1", *verified]
    for record in found:
        assert {split: kinds["given"]["num_samples"] for split, kinds in record.evaluation.items()} == sizes


def test_the_head_learns_from_webvision(tmp_path: Path) -> None:
    found = webvision_heteroscedastic.main([str(tmp_path / "work"), "--smoke"])
    assert found["validation"]["given"]["num_samples"] == 6


@pytest.mark.parametrize("options", [[], ["--plain"]])
def test_a_residual_network_learns_imagenet_with_and_without_the_head(options: list[str], tmp_path: Path) -> None:
    metrics = imagenet_heteroscedastic.main([str(tmp_path / "data"), "--smoke", *options])
    assert metrics.num_samples == 24
    assert math.isfinite(metrics.nll)


def test_pictures_of_several_labels_are_learned_with_weights_of_a_file(tmp_path: Path) -> None:
    weights = tmp_path / "weights.csv"
    rows = "".join(f"train/{number}.jpg,{number % 2}\n" for number in range(24))
    weights.write_text("key,sample_weight\n" + rows, encoding="utf-8")
    metrics = open_images_multilabel.main([str(tmp_path / "data"), "--smoke", "--weights", str(weights)])
    assert (metrics.num_samples, math.isnan(metrics.top1)) == (24, True)
    assert 0 < metrics.gap <= 1


def test_every_recipe_says_what_it_takes_and_that_it_was_never_run() -> None:
    scripts = [path for path in RECIPES.glob("*.py") if "__main__" in path.read_text(encoding="utf-8")]
    assert len(scripts) == 6
    for path in scripts:
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        for word in (
            "Command:",
            "Hardware:",
            "Hours:",
            "Aims at:",
            "Follows:",
            "Ours:",
            "never run in full",
            "estimate",
        ):
            assert word in " ".join(text.split()), (path.name, word)
        assert path.name in text.split("Hardware:")[0], "the command names the script"
