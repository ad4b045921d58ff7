"""Bad rows are never dropped in silence: each gets path, line and reason, is counted, and skipped or fatal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from noisette.errors import TooManyBadRowsError

OnError = Literal["skip", "stop"]


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that could not be used. `kind` is the reason without its particulars, for counting."""

    path: Path
    line: int | None
    kind: str
    detail: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line is not None else f"{self.path}"
        return f"{where}: {self.kind}: {self.detail}" if self.detail else f"{where}: {self.kind}"


@dataclass
class BadRows:
    """Collects bad rows under one policy.

    Args:
        on_error: "stop" raises at the first bad row; "skip" counts it and goes on.
        max_bad: with "skip", the largest share of bad rows in [0, 1], looked at once `grace` rows were read.
        grace: rows read before `max_bad` is looked at.
        keep: bad rows kept with their details; the rest are only counted.
        noun: what a row is called in messages.
    """

    on_error: OnError = "stop"
    max_bad: float = 0.01
    grace: int = 1000
    keep: int = 1000
    noun: str = "rows"
    rows: list[BadRow] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    converted: Counter[str] = field(default_factory=Counter)
    num_read: int = 0

    @property
    def num_bad(self) -> int:
        """Number of bad rows so far, kept or not."""
        return sum(self.counts.values())

    def read(self, rows: int = 1) -> None:
        """Count rows that were looked at, good and bad alike."""
        self.num_read += rows

    def leave_out(self, kind: str, rows: int = 1) -> None:
        """Count sound rows that are not used on purpose (such as verification label -1); never an error."""
        if rows:
            self.left_out[kind] += rows

    def convert(self, kind: str) -> None:
        """Count a row that is used after a conversion."""
        self.converted[kind] += 1

    def add(self, path: str | Path, line: int | None, kind: str, detail: str = "") -> None:
        """Take note of one bad row.

        Raises:
            TooManyBadRowsError: the policy is "stop", or the share of bad rows passed `max_bad`.
        """
        row = BadRow(Path(path), line, kind, detail)
        self.counts[kind] += 1
        if len(self.rows) < self.keep:
            self.rows.append(row)
        if self.on_error == "stop":
            reason = f"{kind}: {detail}" if detail else kind
            raise TooManyBadRowsError(path, f"{reason} (--on-error skip goes on without such {self.noun})", line=line)
        if self.num_read >= self.grace:
            self.check(path)

    def check(self, path: str | Path) -> None:
        """Raise if the share of bad rows is over `max_bad`; call it once more at the end of a file."""
        if self.on_error == "skip" and self.num_read >= self.grace and self.num_bad > self.max_bad * self.num_read:
            kind, count = self.counts.most_common(1)[0]
            raise TooManyBadRowsError(
                path,
                f"{self.num_bad} of {self.num_read} {self.noun} are bad, more than --max-bad {self.max_bad:.1%}; "
                f"the commonest reason is '{kind}' ({count} {self.noun})",
            )

    def summary(self) -> str:
        """One line for people: how many rows of each kind were skipped or left out."""
        more = [f"{count} {self.noun} left out: {kind}" for kind, count in self.left_out.most_common()]
        more += [f"{count} {self.noun} converted: {kind}" for kind, count in self.converted.most_common()]
        rest = "".join(f"; {text}" for text in more)
        if not self.num_bad:
            return f"no bad {self.noun}{rest}"
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.counts.most_common())
        return f"{self.num_bad} of {self.num_read} {self.noun} skipped: {kinds}{rest}"
