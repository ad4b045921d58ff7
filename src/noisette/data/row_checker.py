"""Checks of rows that come as columns: whole blocks at once, single rows only where something is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noisette.data.batches import FeatureBatch
from noisette.data.key_register import Identity, KeyRegister
from noisette.data.rows import (
    BadRowError,
    check_features,
    class_id,
    not_finite,
    parse_class,
    parse_verification_label,
)
from noisette.errors import DataFileError
from noisette.types import BadRows, Float32Array, IntArray

_FLOAT32 = np.dtype(np.float32)


@dataclass(frozen=True, eq=False)
class RawRows:
    """B rows as they came. Texts may be anything; numbers are numbers.

    Attributes:
        lines: (B,) 1-based lines or rows.
        features: (B, D) numbers, or B vectors of any length.
        keys: (B,) keys, None where the file has none.
        given_labels: (B,) class ids or names.
        verification_labels: (B,) 1, 0, -1, as numbers or text.
        splits: (B,) splits.
    """

    lines: IntArray
    features: Any
    keys: list[str] | None = None
    given_labels: Sequence[Any] | None = None
    verification_labels: Sequence[Any] | None = None
    splits: list[str] | None = None

    def __len__(self) -> int:
        return len(self.lines)


class RowChecker:
    """Turns raw rows of one file into checked batches, and reports the bad ones.

    Args:
        path: the file, for messages.
        bad_rows: takes bad rows.
        class_names: to find names and to bound ids; None accepts any id >= 0.
        num_features: D; None takes it from the first good row.
        keys: identities seen so far, where several files make one table.
    """

    def __init__(
        self,
        path: Path,
        bad_rows: BadRows,
        class_names: Sequence[str] | None,
        num_features: int | None,
        keys: KeyRegister | None = None,
    ) -> None:
        self.path, self.bad_rows, self.num_features = path, bad_rows, num_features
        self.class_ids = None if class_names is None else {name: number for number, name in enumerate(class_names)}
        self.keys = keys or KeyRegister()

    def check(self, raw: RawRows) -> FeatureBatch:
        """Report the bad rows of a block and give the good ones."""
        problems: dict[int, BadRowError] = {}
        features = self._features(raw.features, problems)
        labels = self._column(raw.given_labels, self._class, problems)
        verdicts = self._column(raw.verification_labels, _verdict, problems)
        keys = raw.keys if raw.keys is not None else [str(line - 1) for line in raw.lines]
        if raw.keys is not None:
            names: list[Identity] = list(keys) if raw.splits is None else list(zip(raw.splits, keys, strict=True))
            self._check_keys(keys, names, raw.lines.tolist(), problems)
        self.bad_rows.read(len(raw))
        for row in sorted(problems):
            self.bad_rows.add(self.path, int(raw.lines[row]), problems[row].kind, problems[row].detail)
        batch = FeatureBatch(keys, features, labels, verdicts, raw.lines, raw.splits)
        if not problems:
            return batch
        return batch.where(np.array([row for row in range(len(raw)) if row not in problems], dtype=np.int64))

    def _features(self, values: Any, problems: dict[int, BadRowError]) -> Float32Array:
        """Cast to (B, D) float32; rows in `problems` hold anything."""
        if not isinstance(values, np.ndarray) or values.shape[1] != (self.num_features or values.shape[1]):
            return self._ragged_features(values, problems)
        if values.shape[1] == 0:
            raise DataFileError(self.path, "has no features: every row is empty")
        self.num_features = values.shape[1]
        with np.errstate(over="ignore"):
            features: Float32Array = values.astype(np.float32, copy=not values.flags.writeable)
        for row in np.flatnonzero(~np.isfinite(features).all(axis=1)):
            problems[int(row)] = not_finite(values[row], _FLOAT32)
        return features

    def _ragged_features(self, values: Sequence[Any], problems: dict[int, BadRowError]) -> Float32Array:
        rows: list[tuple[int, Float32Array]] = []
        for row, vector in enumerate(values):
            try:
                if vector is None or not len(vector):
                    raise BadRowError("wrong number of features", "there are none")
                width = self.num_features or len(vector)
                rows.append((row, check_features(np.asarray(vector, dtype=np.float64), width, _FLOAT32)))
                self.num_features = width
            except BadRowError as error:
                problems[row] = error
        features = np.zeros((len(values), self.num_features or 0), dtype=np.float32)
        for row, vector in rows:
            features[row] = vector
        return features

    def _column(self, values: Sequence[Any] | None, parse: Any, problems: dict[int, BadRowError]) -> IntArray | None:
        """Parse a column of ids; each distinct value is looked at once."""
        if values is None:
            return None
        parsed: dict[Any, int | BadRowError] = {}
        column = np.zeros(len(values), dtype=np.int64)
        for row, value in enumerate(values.tolist() if isinstance(values, np.ndarray) else values):
            if value not in parsed:
                try:
                    parsed[value] = parse(value)
                except BadRowError as error:
                    parsed[value] = error
            found = parsed[value]
            if isinstance(found, BadRowError):
                problems.setdefault(row, found)
            else:
                column[row] = found
        return column

    def _class(self, value: Any) -> int:
        if isinstance(value, str):
            return parse_class(value, self.class_ids, ids_too=True)
        return class_id(value, None if self.class_ids is None else len(self.class_ids))

    def _check_keys(
        self, keys: list[str], names: list[Identity], lines: list[int], problems: dict[int, BadRowError]
    ) -> None:
        if not problems and all(keys) and self.keys.add_all(names, lines):
            return
        for row, key in enumerate(keys):
            if row in problems:
                continue
            try:
                if not key:
                    raise BadRowError("empty key")
                self.keys.add(names[row], lines[row])
            except BadRowError as error:
                problems[row] = error


def _verdict(value: Any) -> int:
    return parse_verification_label("" if value is None else str(value))
