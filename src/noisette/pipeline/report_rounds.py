"""The rounds of joint training as the report shows them."""

from __future__ import annotations

import math

from noisette.pipeline.rounds_notes import detection_error
from noisette.pipeline.rounds_record import RoundRecord, read_rounds
from noisette.pipeline.workspace import Workspace
from noisette.report import RoundFigures

_LAST = "verified labels"


def report_rounds(workspace: Workspace) -> tuple[RoundFigures, ...]:
    """Give the rounds that there are records of, in order."""
    return tuple(_figures(record) for record in read_rounds(workspace))


def _figures(record: RoundRecord) -> RoundFigures:
    accuracy = {
        f"{split}, {kind} labels": _number(numbers["top1"])
        for split, kinds in record.evaluation.items()
        for kind, numbers in kinds.items()
    }
    return RoundFigures(
        name=f"{record.number}, then\n{_LAST}" if record.is_last_step else str(record.number),
        detection_error=_number(detection_error(record, held_out=False)),
        held_out_error=_number(detection_error(record, held_out=True)),
        accuracy=accuracy,
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value
