from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from noisette.features.timm_import import import_timm
from noisette.heads import HeteroscedasticHead, HeteroscedasticXLHead

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "heteroscedastic-heads.md").read_text(encoding="utf-8")
SIZES = re.findall(r"^\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|(.*)\|$", PAGE, flags=re.MULTILINE)


def number(cell: str) -> int:
    return int(cell.replace(",", ""))


def layers(in_features: int, num_classes: int, num_factors: int) -> list[nn.Module]:
    sizes: Any = {"in_features": in_features, "num_classes": num_classes, "num_eval_samples": 2, "device": "meta"}
    return [
        nn.Linear(in_features, num_classes, device="meta"),
        HeteroscedasticHead(**sizes, num_factors=0),
        HeteroscedasticHead(**sizes, num_factors=num_factors),
        HeteroscedasticHead(**sizes, num_factors=num_factors, parameter_efficient=True),
        HeteroscedasticXLHead(**sizes, num_factors=num_factors),
    ]


@pytest.mark.parametrize("row", SIZES, ids=lambda row: "x".join(row[:3]))
def test_the_table_counts_the_parameters_of_the_heads(row: tuple[str, str, str, str]) -> None:
    made = layers(*(number(cell) for cell in row[:3]))
    counts = [sum(parameter.numel() for parameter in layer.parameters()) for layer in made]
    assert " | ".join(f"{count:,}" for count in counts) == row[3].strip()


def test_the_table_has_rows_and_its_formulas_hold() -> None:
    assert len(SIZES) == 4
    for row in SIZES:
        d, k, f = (number(cell) for cell in row[:3])
        mean, diagonal, full, efficient, xl = (number(cell) for cell in row[3].split("|"))
        assert mean == (d + 1) * k
        assert diagonal - mean == (d + 1) * k
        assert full - mean == (d + 1) * k * (1 + f)
        assert efficient - mean == 2 * (d + 1) * k + k * f
        assert xl - mean == 2 * (d + 1) * d + d * f + 1


def test_the_python_of_the_page_runs_and_does_what_is_said() -> None:
    import_timm()
    names: dict[str, Any] = {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for block in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
            exec(block, names)
    torch.testing.assert_close(names["probabilities"].sum(1), torch.ones(8))
    assert names["temperature"] == pytest.approx(float(names["head"].temperature))
    assert isinstance(names["model"].fc, HeteroscedasticXLHead)
    assert len(names["pairs"]) == 3
    assert names["doubt"].label_noise.shape == names["doubt"].rest.shape == (8,)
    check_losses(names["head"], names["features"], names["labels"])


def check_losses(head: Any, features: torch.Tensor, labels: torch.Tensor) -> None:
    draws = [torch.Generator().manual_seed(0) for _ in range(2)]
    of_forward = cross_entropy(head(features, generator=draws[0]), labels)
    torch.testing.assert_close(of_forward, head.nll(features, labels, generator=draws[1]))


def test_the_multi_label_loss_is_k_times_the_mean_over_classes() -> None:
    head = HeteroscedasticHead(4, 5, num_factors=2, multilabel=True).eval()
    x, targets = torch.linspace(-1, 1, 12).reshape(3, 4), torch.eye(3, 5)
    torch.testing.assert_close(head.nll(x, targets), 5 * binary_cross_entropy_with_logits(head(x), targets))
