"""Verification labels that follow from a given label and the class that is known to be right."""

from __future__ import annotations

from noisette.types import CORRECT, MISLABELLED, NOT_KNOWN


def compare(given_label: int, clean_label: int) -> tuple[int, int]:
    """Give (verification label, correct label); the correct label is named only where it is another class."""
    if given_label == clean_label:
        return CORRECT, NOT_KNOWN
    return MISLABELLED, clean_label
