"""Which decision on a sample stands, where it was looked at several times, or by several people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from noisette.types import NOT_KNOWN, UNVERIFIED


@dataclass(frozen=True, slots=True)
class Voice:
    """One row on a sample, as far as it matters for what stands; `undoes` is the id of the row that it takes back."""

    id: int
    given_label: int
    verification_label: int
    correct_label: int
    reviewer: str
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The decision that speaks for a sample, and whether those who were sure disagree on the verdict or the class."""

    voice: Voice
    is_disputed: bool


def standing_voices(voices: Sequence[Voice]) -> list[Voice]:
    """Give one decision a reviewer, his last that was not undone, in the order they were taken.

    What was said of another given label than the last decision's is out of date, and left out.

    Args:
        voices: all rows on one sample, in any order.
    """
    if len(voices) == 1:
        return list(voices)
    undone = {voice.undoes for voice in voices if voice.undoes is not None}
    left = sorted((v for v in voices if v.undoes is None and v.id not in undone), key=lambda voice: voice.id)
    last_of = {voice.reviewer: voice for voice in left}
    return sorted((v for v in last_of.values() if v.given_label == left[-1].given_label), key=lambda voice: voice.id)


def choose_standing(voices: Sequence[Voice]) -> Standing | None:
    """Let the reviewers of one sample vote; None if no decision is left.

    A later decision of a reviewer replaces his earlier one. Who is unsure does not vote, unless nobody is sure. The
    verdict with more votes stands; among those that say wrong, the class with more votes, where any is named. A tie
    goes to the side that spoke last. Of those who say what stands, the last one speaks for the sample.

    Args:
        voices: all rows on one sample, in any order.

    Example:
        >>> ann, bob, eve = (Voice(i, 3, label, -1, who) for i, label, who in ((1, 1, "a"), (2, 1, "b"), (3, 0, "e")))
        >>> choose_standing([ann, bob, eve]).voice.reviewer, choose_standing([ann, eve]).voice.reviewer
        ('b', 'e')
    """
    left = standing_voices(voices)
    if not left:
        return None
    if len(left) == 1:
        return Standing(left[0], is_disputed=False)
    sure = [voice for voice in left if voice.verification_label != UNVERIFIED]
    verdicts = {voice.verification_label for voice in sure}
    named = {voice.correct_label for voice in sure if voice.correct_label != NOT_KNOWN}
    voters = sure or left
    voters = _majority(voters, [voice.verification_label for voice in voters])
    knowing = [voice for voice in voters if voice.correct_label != NOT_KNOWN] or voters
    chosen = _majority(knowing, [voice.correct_label for voice in knowing])[-1]
    return Standing(chosen, len(verdicts) > 1 or len(named) > 1)


def _majority(voters: list[Voice], said: list[int]) -> list[Voice]:
    """Give those who said what most said; a tie goes to the one of the sides that spoke last."""
    counts = Counter(said)
    most = max(counts.values())
    winner = next(what for what in reversed(said) if counts[what] == most)
    return [voice for voice, what in zip(voters, said, strict=True) if what == winner]
