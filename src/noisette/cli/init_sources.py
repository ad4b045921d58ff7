"""Which options of ``noisette init`` go together: each belongs to one source of data, or to several."""

from __future__ import annotations

from collections.abc import Mapping

import typer

_GO_WITH = {
    "images": ("classes", "verified"),
    "manifest": ("root", "classes", "verified"),
    "dataset": ("root", "test_root", "label_field", "classes", "verified"),
    "features": ("labels", "classes", "verified"),
    "class_list": ("all_tsv", "verified_tsv", "validation_tsv", "arrays", "allow_pickle"),
}


def check_options(options: Mapping[str, object]) -> None:
    """Check that one source is named, and that every option that is given belongs to it.

    An option that is silently ignored looks like one that was obeyed.

    Raises:
        BadParameter: two sources are named, or an option of another source.
    """
    given = [name for name, value in options.items() if value is not None]
    sources = [name for name in given if name in _GO_WITH]
    if len(sources) > 1:
        raise typer.BadParameter(f"give one of {' and '.join(map(_option, sources))}, not both")
    for name in given:
        if sources and name not in (sources[0], *_GO_WITH[sources[0]]):
            able = [source for source, names in _GO_WITH.items() if name in names]
            others = " or ".join(map(_option, able))
            raise typer.BadParameter(f"{_option(name)} goes with {others}, not with {_option(sources[0])}")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
