"""The one family of errors. Every message names the argument or file, what was expected, what came, and the remedy."""

from __future__ import annotations

from pathlib import Path


class NoisetteError(Exception):
    """Base class of every error that Noisette raises on purpose."""


class InvalidInputError(NoisetteError, ValueError):
    """An argument has an impossible value."""


class ShapeError(InvalidInputError):
    """An array has the wrong shape."""


class UnknownClassError(InvalidInputError):
    """A label names a class that does not exist, or that has no samples to learn from."""


class NotFittedError(NoisetteError):
    """A method needs `fit` to have been called."""


class NotVerifiedError(NoisetteError):
    """The answer needs verification labels, and there are none."""


class WorkspaceError(NoisetteError):
    """A workspace is missing, incomplete, or does not fit what is asked of it."""


class MissingExtraError(NoisetteError, ImportError):
    """An optional dependency is not installed."""


class DataFileError(NoisetteError, ValueError):
    """A file cannot be read as what it should be.

    Args:
        path: the file.
        reason: what is wrong, and what to do about it.
        line: 1-based line (or row) number, where there is one.
    """

    def __init__(self, path: str | Path, reason: str, *, line: int | None = None) -> None:
        self.path = Path(path)
        self.reason = reason
        self.line = line
        where = f"{path}:{line}" if line is not None else f"{path}"
        super().__init__(f"{where}: {reason}")


class TooManyBadRowsError(DataFileError):
    """A step stopped because bad rows were not to be skipped, or were too many."""
