"""The numbers of a training: one JSON object a line, and TensorBoard where it is asked for and installed."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from noisette.errors import MissingExtraError
from noisette.files import atomic_open


class MetricsLog:
    """Writes ``{"step": 100, "loss": ...}`` lines; no clock, so that equal trainings write equal files.

    Args:
        path: the JSON-lines file; None writes none.
        tensorboard: folder for TensorBoard; None writes none.
        resume_from: step from which training goes on; what was logged of later steps is dropped.

    Raises:
        MissingExtraError: `tensorboard` is asked for and not installed.
    """

    def __init__(self, path: Path | None, tensorboard: Path | None, resume_from: int) -> None:
        self.board = None if tensorboard is None else _summary_writer(tensorboard, resume_from)
        self.file = None
        if path is not None:
            _truncate(path, resume_from)
            self.file = path.open("a", encoding="utf-8", newline="\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.file is not None:
            self.file.close()
        if self.board is not None:
            self.board.close()

    def write(self, step: int, values: dict[str, float]) -> None:
        """Log the values of one step."""
        if self.file is not None:
            self.file.write(json.dumps({"step": step, **values}) + "\n")
            self.file.flush()
        if self.board is not None:
            for name, value in values.items():
                self.board.add_scalar(name, value, step)


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Read a metrics file; a last line that a killed process left half written is passed over."""
    lines = path.read_text(encoding="utf-8").split("\n")
    whole = lines[:-1]  # what follows the last line end is empty, or torn
    return [json.loads(line) for line in whole]


def _truncate(path: Path, step: int) -> None:
    kept = [line for line in read_metrics(path) if line["step"] <= step] if path.exists() else []
    with atomic_open(path) as file:
        file.writelines(json.dumps(line) + "\n" for line in kept)


def _summary_writer(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError(
            "`tensorboard` needs the package tensorboard; install it with: pip install 'noisette[tensorboard]'"
        ) from error
    return SummaryWriter(log_dir=str(folder), purge_step=step + 1)
