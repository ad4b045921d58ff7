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


def kept_result(path: Path, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Give what is in the file; run the arm first, and say how good it is, where there is none."""
    if not path.exists():
        found = run()
        with atomic_open(path) as file:
            file.write(json.dumps(found, sort_keys=True) + "\n")
        print(f"{path.stem:<24} accuracy {found['top1']:.4f}  CPU {found['cpu_seconds']:.0f} s", flush=True)
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result
