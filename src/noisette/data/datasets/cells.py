"""Cells of tables and JSON files as text, and cells that hold several labels."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from noisette.data.rows import BadRowError

_SEPARATOR = "|"


def cell_text(cell: Any) -> str:
    """Give a cell as text, a missing one as "".

    Raises:
        BadRowError: it is a list or a record, or bytes that are not UTF-8.
    """
    if isinstance(cell, str):
        return cell
    if cell is None or cell != cell:
        return ""
    if isinstance(cell, bool):
        return str(int(cell))
    if isinstance(cell, int | float):
        return str(cell)
    if isinstance(cell, bytes):
        try:
            return cell.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadRowError("invalid UTF-8", repr(cell[:40])) from error
    raise BadRowError("unreadable cell", f"expected a text or a number, got {repr(cell)[:60]}")


def several(cell: Any, known: Container[str] = (), *, may_split: bool = False) -> list[Any]:
    """Give the labels of a cell: those of a list, those of ``dog|cat`` with `may_split`, or the one it holds.

    Args:
        cell: the cell.
        known: class names; one that holds ``|`` is taken whole.
        may_split: texts may hold several labels.

    Example:
        >>> several("dog|cat", may_split=True), several("dog|cat", {"dog|cat"}, may_split=True), several([1, 2])
        (['dog', 'cat'], ['dog|cat'], [1, 2])
    """
    if isinstance(cell, list):
        return cell
    if may_split and isinstance(cell, str) and _SEPARATOR in cell and cell not in known:
        return cell.split(_SEPARATOR)
    return [cell]
