"""The rounds of joint training, laid out for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from noisette.cli.console import table

if TYPE_CHECKING:
    from noisette.pipeline.rounds import RoundsResult
    from noisette.pipeline.rounds_record import RoundRecord


def rounds_lines(done: RoundsResult) -> list[str]:
    """Give the table of the rounds, and which classifier is the last."""
    state = " (nothing to do)" if done.was_current else ""
    return [*_table(done.records), f"classifier: {done.classifier}, the last one{state}"]


def _table(records: Sequence[RoundRecord]) -> list[str]:
    held_out = ("held-out error",) if any(one.held_out for one in records) else ()
    kinds = list(
        dict.fromkeys((split, kind) for one in records for split, kinds in one.evaluation.items() for kind in kinds)
    )
    header = ["classifier", "weights", "error", *held_out, "flagged"]
    for split, kind in kinds:
        header += [f"{split}, {kind}: top-1", "NLL"]
    rows = []
    for one in records:
        row = [one.name, one.weights, _share((one.detection or {}).get("average_error"))]
        row += [_share((one.held_out or {}).get("average_error")) for _ in held_out]
        row.append("-" if one.num_issues is None else str(one.num_issues))
        for split, kind in kinds:
            numbers: dict[str, Any] = one.evaluation.get(split, {}).get(kind, {})
            nll = numbers.get("nll")
            row += [_share(numbers.get("top1")), "-" if nll is None else f"{nll:.3f}"]
        rows.append(row)
    return table(header, rows)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
