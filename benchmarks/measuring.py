"""Wall time and memory of a piece of work, on a CPU or a GPU."""

from __future__ import annotations

import gc
import resource
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch


class LiveMemory:
    """The most memory that is in use between start and stop, beyond what was at the start, in MB."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._peak, self._stop = device, 0.0, threading.Event()

    def __enter__(self) -> LiveMemory:
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
            self._start = torch.cuda.memory_allocated() / 1e6
        else:
            self._start = resident_mb()
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._device.type == "cuda":
            self._peak = torch.cuda.max_memory_allocated() / 1e6
        else:
            self._stop.set()
            self._thread.join()

    @property
    def extra_mb(self) -> float:
        """The peak, less what there was at the start."""
        return max(0.0, self._peak - self._start)

    def _watch(self) -> None:
        while not self._stop.wait(0.002):
            self._peak = max(self._peak, resident_mb())


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def seconds(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Median wall time of `repeats` calls after one to warm up."""
    work()
    found = []
    for _ in range(repeats):
        synchronize(device)
        start = time.perf_counter()
        work()
        synchronize(device)
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
