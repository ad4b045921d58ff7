"""``noisette export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from noisette.cli.console import JsonOption, WorkspaceOption, command, finish, progress_bar, quoted, table, warn

if TYPE_CHECKING:
    from noisette.pipeline.exporting.result import ExportResult


@command
def export(
    target: Annotated[
        Path, typer.Argument(metavar="FILE|DIR", help="A .csv, .tsv or .parquet table; with --as, a folder.")
    ],
    workspace: WorkspaceOption = None,
    as_format: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="FORMAT",
            help="A cleaned data set: imagefolder, filelist, parquet, webdataset or huggingface.",
        ),
    ] = None,
    drop_below: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="Q", help="Labels of a quality below this go; else by the verdict."),
    ] = None,
    relabel_above: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="P", help="They are relabelled where a suggestion is as likely as this."),
    ] = None,
    clean_evaluation_splits: Annotated[
        bool, typer.Option("--clean-evaluation-splits", help="Clean the validation and test splits too.")
    ] = False,
    link: Annotated[
        str | None, typer.Option(metavar="KIND", help="imagefolder: copy (the default), hard or sym links.")
    ] = None,
    verifier: Annotated[str | None, typer.Option(help="Whose scores; the one that detect chose.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the quality of every label as a table, or a cleaned data set to train on."""
    options: dict[str, Any] = {
        "drop_below": drop_below,
        "relabel_above": relabel_above,
        "clean_evaluation_splits": clean_evaluation_splits,
    }
    if as_format is not None:
        _export_dataset(target, workspace, as_format, link, options, verifier, as_json)
        return
    if link is not None or any(value not in (None, False) for value in options.values()):
        raise typer.BadParameter(
            "a rule or --link needs --as FORMAT: imagefolder, filelist, parquet, webdataset or huggingface"
        )
    from noisette.pipeline.exporting.table import export_table
    from noisette.pipeline.workspace import open_workspace

    rows = export_table(open_workspace(workspace), target, verifier)
    finish({"path": str(target), "rows": rows}, as_json, [f"{rows} labels written to {target}"], None)


def _export_dataset(
    target: Path,
    workspace: Path | None,
    as_format: str,
    link: str | None,
    options: dict[str, Any],
    verifier: str | None,
    as_json: bool,
) -> None:
    from noisette.data.exports import FORMATS, LINKED_FORMATS, Link
    from noisette.pipeline.exporting.dataset import export_dataset
    from noisette.pipeline.workspace import open_workspace
    from noisette.scores.curation import CurationRule

    if as_format not in FORMATS:
        raise typer.BadParameter(f"--as must be one of {', '.join(FORMATS)}, got {as_format!r}")
    if link is not None and link not in get_args(Link):
        raise typer.BadParameter(f"--link must be copy, hard or sym, got {link!r}")
    if link is not None and as_format not in LINKED_FORMATS:
        raise typer.BadParameter(f"--link is for --as {' and '.join(LINKED_FORMATS)}; {as_format} makes no links")
    opened = open_workspace(workspace)
    kind: Link = link or "copy"  # type: ignore[assignment]  # checked above
    with progress_bar() as progress:
        found = export_dataset(
            opened, target, as_format, CurationRule(**options), link=kind, verifier=verifier, progress=progress
        )
    for note in found.notes:
        warn(note)
    then = f"noisette detect -w {quoted(opened.root)}" if found.is_stale else None
    finish(found.to_json(), as_json, export_lines(found), then)


def export_lines(found: ExportResult) -> list[str]:
    """Lay out what an export did for people: a table of the worst classes, and totals."""
    from noisette.pipeline.exporting.contents import RULE_FILE
    from noisette.pipeline.exporting.result import CHANGES, MAX_CLASSES

    changes, worst, totals = found.cleaned(), found.worst(), found.totals
    rows = [(found.class_names[c], *(str(getattr(changes, name)[c]) for name in CHANGES)) for c in worst[:MAX_CLASSES]]
    lines = table(("class", "samples", "kept", "dropped", "relabelled away", "relabelled into"), rows) if rows else []
    if len(worst) > MAX_CLASSES:
        lines.append(f"and {len(worst) - MAX_CLASSES} classes more, which lose less; see {RULE_FILE}")
    untouched = [split for split, plan in found.splits.items() if not plan.is_cleaned]
    if untouched:
        lines.append(f"left as they are: {', '.join(untouched)} (--clean-evaluation-splits cleans these too)")
    left_out = [f"{totals[name]} {words}" for name, words in _LEFT_OUT.items() if totals[name]]
    lines.append("")
    lines.append(
        f"{totals['samples']} samples: {totals['kept']} kept, {totals['dropped']} dropped, "
        f"{totals['relabelled']} relabelled{''.join(f'; {part}' for part in left_out)}"
    )
    lines.append(f"{totals['written']} written to {found.path} ({found.made_by['format']})")
    return lines


_LEFT_OUT = {"without_score": "more without a score, not written", "unreadable": "could not be read"}
