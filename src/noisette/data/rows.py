"""Checks of single rows: the slow, exact path that finds out what is wrong with a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noisette.types import CORRECT, MISLABELLED, NOT_KNOWN, UNVERIFIED, FloatArray


class BadRowError(Exception):
    """A row cannot be used; caught by the reader, which knows path and line. Never leaves the room."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(kind, detail)
        self.kind = kind
        self.detail = detail


def decode(raw: bytes) -> str:
    """Decode one line, or say that it is blank or not UTF-8."""
    if not raw.strip():
        raise BadRowError("blank line")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRowError("invalid UTF-8", f"byte {error.start + 1} of the line; save the file as UTF-8") from error


def parse_features(texts: Sequence[str], num_features: int | None, dtype: np.dtype[Any]) -> FloatArray:
    """Parse D numbers, all finite as `dtype`."""
    if num_features is not None and len(texts) != num_features:
        raise BadRowError("wrong number of features", f"expected {num_features}, got {len(texts)}")
    values = np.array([_parse_number(text, column) for column, text in enumerate(texts, start=1)])
    with np.errstate(over="ignore"):
        features = values.astype(dtype)
    if not np.isfinite(features).all():
        raise not_finite(values, dtype, texts)
    return features


def check_features(values: FloatArray, num_features: int, dtype: np.dtype[Any]) -> FloatArray:
    """Check a row that is numbers already."""
    if len(values) != num_features:
        raise BadRowError("wrong number of features", f"expected {num_features}, got {len(values)}")
    with np.errstate(over="ignore"):
        features = values.astype(dtype)
    if not np.isfinite(features).all():
        raise not_finite(values, dtype)
    return features


def not_finite(values: FloatArray, dtype: np.dtype[Any], texts: Sequence[str] | None = None) -> BadRowError:
    """Name the first number of a row that is not finite, or not as `dtype`."""
    with np.errstate(over="ignore"):
        first = int(np.flatnonzero(~np.isfinite(values.astype(dtype)))[0])
    shown = str(values[first]) if texts is None else repr(texts[first])
    reason = f", too large for {dtype}" if np.isfinite(values[first]) else ""
    return BadRowError("NaN or infinite feature", f"feature {first + 1} is {shown}{reason}")


def class_id(value: float | None, num_classes: int | None) -> int:
    """Check a class id that is a number already."""
    if value is None:
        raise BadRowError("unknown class", "the cell is empty")
    if not np.isfinite(value) or value < 0 or value != int(value):
        raise BadRowError("unknown class", f"{value} is no class id (0, 1, ...)")
    if num_classes is not None and value >= num_classes:
        raise BadRowError("unknown class", f"{int(value)} is beyond the last of {num_classes} classes")
    return int(value)


def parse_class(text: str, class_ids: Mapping[str, int] | None, *, ids_too: bool = False) -> int:
    """Find a class by its name, or, with `ids_too`, by its id where no class has that name."""
    if class_ids is not None and text in class_ids:
        return class_ids[text]
    if ids_too:
        number = whole_number(text)
        if number is not None and number >= 0 and (class_ids is None or number < len(class_ids)):
            return number
    if class_ids is None:
        raise BadRowError("unknown class", f"{text!r} is no class id, and there is no class list to find names in")
    raise BadRowError("unknown class", f"{text!r} is none of the {len(class_ids)} classes")


def parse_verification_label(text: str) -> int:
    """Parse 1 (correct), 0 (mislabelled), -1 or nothing (unverified)."""
    number = whole_number(text) if text.strip() else -1
    if number not in (1, 0, -1):
        raise BadRowError("bad verification label", f"expected 1, 0 or -1, got {text!r}")
    return number


def parse_inclusion_probability(text: str) -> float:
    """Parse a chance in (0, 1]; NaN for nothing (not known)."""
    value = _parse_positive(text, "bad inclusion probability", "a number above 0 and up to 1")
    if value == 0 or value > 1:
        raise BadRowError("bad inclusion probability", f"expected a number above 0 and up to 1, got {text!r}")
    return value


def parse_seconds(text: str) -> float:
    """Parse how long a decision took, a number from 0 on; NaN for nothing (not known)."""
    return _parse_positive(text, "bad seconds", "a number from 0 on")


def _parse_positive(text: str, kind: str, expected: str) -> float:
    if not text.strip():
        return np.nan
    try:
        value = float(text) if text.isascii() and "_" not in text else np.nan
    except ValueError:
        value = np.nan
    if not 0 <= value < np.inf:
        raise BadRowError(kind, f"expected {expected}, got {text!r}")
    return value


def verdict_of(given: int, correct: int, verdict: int = UNVERIFIED) -> int:
    """Give the verification label of a given label: a correct label implies it, and must not contradict a stated one.

    Example:
        >>> verdict_of(3, 3), verdict_of(3, 0), verdict_of(3, -2), verdict_of(3, -1), verdict_of(3, -1, verdict=0)
        (1, 0, 0, -1, 0)
    """
    if correct == NOT_KNOWN:
        return verdict
    implied = CORRECT if correct == given else MISLABELLED
    if verdict not in (UNVERIFIED, implied):
        said = f"verification_label {verdict} and correct_label {correct} for given label {given}"
        raise BadRowError("contradicting labels", said)
    return implied


def whole_number(text: str) -> int | None:
    """Parse a whole number, also one that a spreadsheet wrote as 3.0; None if it is not one."""
    plain = text.strip().removesuffix(".0")
    digits = plain.removeprefix("-")
    return int(plain) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


def _parse_number(text: str, column: int) -> float:
    try:
        if "_" in text or not text.isascii():  # Python reads 1_000 and Arabic digits too; no exporter does
            raise ValueError(text)
        return float(text)
    except ValueError:
        shown = text if len(text) <= 40 else text[:37] + "..."
        raise BadRowError("junk number", f"feature {column} is {shown!r}") from None
