import re
from pathlib import Path
from typing import Any

import torch

from noisette.heads import HeteroscedasticHead

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
RECIPES = Path(__file__).resolve().parents[2] / "recipes"


def test_several_labels_are_learned_as_the_page_says() -> None:
    names: dict[str, Any] = {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        (block,) = (text for text in BLOCKS if "multilabel" in text)
        exec(block, names)
    assert isinstance(names["model"][-1], HeteroscedasticHead)
    assert names["trained"].metrics.num_samples == 16
    assert 0 < names["trained"].metrics.gap < 1


def test_the_table_of_recipes_has_all_there_are() -> None:
    scripts = {path.name for path in RECIPES.glob("*.py") if "__main__" in path.read_text(encoding="utf-8")}
    assert set(re.findall(r"^\| `(\w+\.py)`", PAGE, flags=re.MULTILINE)) == scripts


def test_the_hours_of_the_table_are_those_of_the_recipes() -> None:
    for name, hours in re.findall(r"^\| `(\w+\.py)` .*\| (\d+) \|$", PAGE, flags=re.MULTILINE):
        assert f"about {hours} " in (RECIPES / name).read_text(encoding="utf-8"), name
