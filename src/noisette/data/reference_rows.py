"""One line of a reference TSV, parsed with care."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from noisette.data.rows import BadRowError, decode, parse_class, parse_features
from noisette.data.text_blocks import TextBlock
from noisette.types import UNVERIFIED, FloatArray

_VERIFICATION_LABELS = {"1": 1, "0": 0, "-1": -1}


@dataclass(frozen=True)
class Layout:
    """Which columns a reference TSV has."""

    verified: bool
    with_url: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns in order."""
        url = ("url",) if self.with_url else ()
        verdict = ("verification_label",) if self.verified else ()
        return ("key", *url, "class_name", *verdict, "features")

    @property
    def num_columns(self) -> int:
        """How many columns there are."""
        return 3 + self.verified + self.with_url

    @property
    def class_name(self) -> int:
        """Position of the class name."""
        return 1 + self.with_url

    @property
    def verdict(self) -> int | None:
        """Position of the verification label, where there is one."""
        return self.class_name + 1 if self.verified else None

    @property
    def features(self) -> int:
        """Position of the features, the last column."""
        return self.num_columns - 1


@dataclass(frozen=True, eq=False)
class ReferenceRow:
    """A good line."""

    key: str
    given_label: int
    verification_label: int
    features: FloatArray


def find_layout(block: TextBlock, *, verified: bool) -> Layout:
    """Tell by the first line with a possible number of columns whether there is a url column."""
    plain, with_url = Layout(verified, False), Layout(verified, True)
    for _, raw in block.lines():
        columns = raw.count(b"\t") + 1
        if columns in (plain.num_columns, with_url.num_columns):
            return with_url if columns == with_url.num_columns else plain
    return plain


def parse_line(
    raw: bytes,
    layout: Layout,
    class_ids: Mapping[str, int],
    num_features: int | None,
    dtype: np.dtype[Any],
) -> ReferenceRow:
    """Parse one line, or raise `BadRowError` with the reason."""
    fields = decode(raw).split("\t")
    if len(fields) != layout.num_columns:
        expected = f"expected {layout.num_columns} ({', '.join(layout.names)}) separated by tabs, got {len(fields)}"
        raise BadRowError("wrong number of columns", expected)
    if not fields[0]:
        raise BadRowError("empty key")
    verdict = UNVERIFIED
    if layout.verdict is not None:
        if fields[layout.verdict] not in _VERIFICATION_LABELS:
            raise BadRowError("bad verification label", f"expected 1, 0 or -1, got {fields[layout.verdict]!r}")
        verdict = _VERIFICATION_LABELS[fields[layout.verdict]]
    label = parse_class(fields[layout.class_name], class_ids)
    features = parse_features(fields[layout.features].split(","), num_features, dtype)
    return ReferenceRow(fields[0], label, verdict, features)
