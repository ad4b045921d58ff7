"""Which classes to hold out: a class name a line, or Food-101N's lists of ``class<TAB>keep`` with 0 = held out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from noisette.errors import DataFileError, UnknownClassError


def read_held_out_list(path: str | Path, class_names: Sequence[str]) -> tuple[str, ...]:
    """Read the names of the classes to hold out, in file order.

    Raises:
        DataFileError: the file cannot be read, or names no class to hold out, or has a line of another form.
        UnknownClassError: a line names a class that does not exist; the message says which line.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataFileError(path, f"cannot be read: {error}") from error
    known, names = set(class_names), []
    for number, line in enumerate(lines, start=1):
        if line in known:  # before tabs are looked at: a class name may be any text
            names.append(line)
            continue
        name, tab, keep = line.rpartition("\t")
        if not line.strip() or (number == 1 and keep.strip() in ("keep", "class_name")):
            continue
        if not tab or keep not in ("0", "1"):
            raise UnknownClassError(f"{path}:{number}: {line!r} is none of the {len(known)} classes")
        if name not in known:
            raise UnknownClassError(f"{path}:{number}: {name!r} is none of the {len(known)} classes")
        if keep == "0":
            names.append(name)
    if not names:
        raise DataFileError(path, "names no class to hold out; write one a line, or class<TAB>0")
    return tuple(dict.fromkeys(names))
