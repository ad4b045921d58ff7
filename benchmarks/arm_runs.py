"""Arms of a benchmark: run in order or several at a time, each kept in a file, so that a run resumes."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import torch

from noisette.files import atomic_open

Task = TypeVar("Task")


def run_tasks(run: Callable[[Task], dict[str, Any]], tasks: list[Task], jobs: int) -> Iterator[dict[str, Any]]:
    """Run the tasks, in order or in so many processes at a time."""
    if jobs == 1:
        yield from map(run, tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield from pool.map(run, tasks)


def kept_result(
    path: Path | None,
    run: Callable[[], Any],
    *,
    about: dict[str, Any] | None = None,
    say: Callable[[Any], str] | None = None,
) -> Any:
    """Give the result of an arm, as JSON gives it back; run the arm only where the file does not hold it.

    Args:
        path: of the file; None = nothing is kept.
        run: the arm.
        about: what the result hangs on, which stands in it, too: a file that says otherwise is written anew.
        say: a line to print of a new result.
    """
    known = json.loads(json.dumps(about or {}))
    if path is not None and path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        if all(found.get(name) == value for name, value in known.items()):
            return found
    made = run()
    text = json.dumps(known | made if known else made, indent=1, sort_keys=True)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_open(path) as file:
            file.write(text + "\n")
    found = json.loads(text)
    if say is not None:
        print(say(found), flush=True)
    return found


def accuracy_line(found: dict[str, Any]) -> str:
    """Say how good the classifier of an arm is, and what it cost."""
    name = f"{found['arm']}-{found['seed']}"
    return f"{name:<24} accuracy {found['top1']:.4f}  CPU {found['cpu_seconds']:.0f} s"
