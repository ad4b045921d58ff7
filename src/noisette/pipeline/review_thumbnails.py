"""Thumbnails on disk within a budget: those not asked for the longest go first."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

DEFAULT_BUDGET = 1 << 30
_KEPT_AFTER_EVICTION = 0.9  # so that not every new file costs a round of deleting


class ThumbnailCache:
    """Small files by name; one that cannot be written, or read, is made again.

    Args:
        folder: where they lie; files of an earlier run are taken over, the latest used last.
        budget: bytes that all of them may take.
    """

    def __init__(self, folder: Path, budget: int = DEFAULT_BUDGET) -> None:
        self._folder, self._budget = folder, budget
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()
        self.total = 0
        self._take_over()

    def get(self, tag: str, make: Callable[[], bytes]) -> bytes:
        """Give the bytes kept under a tag (letters and digits), made and kept where they are not there."""
        path = self._path(tag)
        with self._lock:
            is_known = tag in self._sizes
            if is_known:
                self._sizes.move_to_end(tag)
        if is_known:
            try:
                return path.read_bytes()
            except OSError:
                self._forget(tag)
        data = make()
        self._keep(tag, path, data)
        return data

    def _path(self, tag: str) -> Path:
        return self._folder / tag[:2] / f"{tag}.webp"

    def _keep(self, tag: str, path: Path, data: bytes) -> None:
        temporary = path.with_name(f"{tag}.{threading.get_ident()}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)  # not flushed: after a power cut it is made again
            temporary.replace(path)
        except OSError:
            return  # a full or read-only disk: the page works without
        with self._lock:
            self.total += len(data) - self._sizes.pop(tag, 0)
            self._sizes[tag] = len(data)
            surplus = self._surplus()
        for old in surplus:
            self._path(old).unlink(missing_ok=True)

    def _surplus(self) -> list[str]:
        if self.total <= self._budget:
            return []
        gone = []
        while self._sizes and self.total > _KEPT_AFTER_EVICTION * self._budget:
            tag, size = self._sizes.popitem(last=False)
            self.total -= size
            gone.append(tag)
        return gone

    def _forget(self, tag: str) -> None:
        with self._lock:
            self.total -= self._sizes.pop(tag, 0)

    def _take_over(self) -> None:
        found = []
        for entry in self._folder.glob("*/*"):
            try:
                about = entry.stat()
                if entry.suffix == ".webp":
                    found.append((about.st_mtime_ns, entry.stem, about.st_size))
                else:
                    os.unlink(entry)  # noqa: PTH108  # left by a killed server
            except OSError:
                continue
        for _, tag, size in sorted(found):
            self._sizes[tag] = size
            self.total += size
        for old in self._surplus():
            self._path(old).unlink(missing_ok=True)
