"""What all commands share: results to stdout, progress and errors to stderr, exit codes, the line `next: ...`."""

from __future__ import annotations

import functools
import json
import math
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer

from noisette.errors import NoisetteError

if TYPE_CHECKING:
    from noisette.types import Progress

FAILED = 1
STOPPED = 130

WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        metavar="DIR",
        help="The workspace; else $NOISETTE_WORKSPACE, else the nearest folder upwards with a noisette.toml.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

_Parameters = ParamSpec("_Parameters")


def command(function: Callable[_Parameters, None]) -> Callable[_Parameters, None]:
    """Turn our own errors into one line on stderr and exit code 1; never a traceback for what a user can mend."""

    @functools.wraps(function)
    def run(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except NoisetteError as error:
            fail(str(error))
        except KeyboardInterrupt:
            typer.echo("stopped; run the same command again to go on", err=True)
            raise typer.Exit(STOPPED) from None
        except BrokenPipeError:
            # The reader (say `head`) has seen enough; that is not an error.
            sys.stderr.close()
            raise typer.Exit(0) from None
        except OSError as error:
            # A folder that is a file, a full or read-only disk: the system's own words name it well enough.
            fail(_system_error(error))

    return run


def fail(message: str) -> None:
    """Print one error and end with exit code 1."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(FAILED)


def _system_error(error: OSError) -> str:
    """Name the path that the system could not read or write, as the user knows it, and why."""
    name = error.filename2 if error.filename2 is not None else error.filename
    reason = error.strerror or str(error)
    return f"{os.fsdecode(name)}: {reason}" if isinstance(name, str | bytes | os.PathLike) else reason


def warn(message: str) -> None:
    """Print a warning to stderr."""
    typer.echo(f"warning: {message}", err=True)


def finish(result: dict[str, Any], as_json: bool, lines: Sequence[str], next_command: str | None) -> None:
    """Print the result of a command: one JSON object, or lines for people and what to do next."""
    if as_json:
        values = _strict(result | {"next": next_command})
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2, allow_nan=False))
        return
    for line in lines:
        typer.echo(line)
    if next_command is not None:
        typer.echo(f"next: {next_command}")


def quoted(path: Path) -> str:
    """Give a path as one word of a command line that can be pasted."""
    return subprocess.list2cmdline([str(path)]) if os.name == "nt" else shlex.quote(str(path))


def _strict(value: Any) -> Any:
    """Give JSON values with null for NaN and infinities, which no strict parser takes."""
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Give a progress callback: a bar on stderr where that is a terminal, elsewhere a line every half minute."""
    if not sys.stderr.isatty():
        yield _ProgressLines()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            rate = task.finished_speed or task.speed
            return Text("" if rate is None else f"{rate:,.0f}/s")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total or None, completed=done)
            bar.update(tasks[what], completed=done, total=total or None)

        yield show


class _ProgressLines:
    """Progress for a log: what is done, how fast, and how long the rest takes; the first line after half a minute."""

    every = 30.0

    def __init__(self) -> None:
        self._what = ""
        self._start = self._last = 0.0
        self._first = 0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what != self._what:
            self._what, self._start, self._last, self._first = what, now, now, done
        if now - self._last < self.every:
            return
        self._last = now
        rate = (done - self._first) / (now - self._start)
        left = f" of {total:,}, about {(total - done) / rate / 60:,.0f} min left" if total and rate else ""
        typer.echo(f"{what}: {done:,}{left} ({rate:,.1f}/s)", err=True)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay out rows under a header in columns: the first to the left, the others to the right."""
    cells = [list(header), *[list(row) for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = []
    for row in cells:
        first, *rest = (
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *rest]).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return lines
