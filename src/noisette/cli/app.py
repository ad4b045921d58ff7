"""The list of commands; each lives in a file of its own and imports what it needs only when it runs."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from noisette.cli.convert import convert
from noisette.cli.demo import demo
from noisette.cli.detect import detect, references
from noisette.cli.embed import embed
from noisette.cli.evaluate import evaluate
from noisette.cli.export import export
from noisette.cli.init import init
from noisette.cli.labels import labels
from noisette.cli.plan import plan
from noisette.cli.processes import refuse_processes
from noisette.cli.report import report
from noisette.cli.review import review
from noisette.cli.run import run
from noisette.cli.score import score
from noisette.cli.status import status
from noisette.cli.train import train

app = typer.Typer(
    name="noisette",
    help="Check a few labels, trust the rest: find the wrong labels of an image data set from a few verified ones.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_STEPS = (
    demo, init, embed, detect, plan, review, evaluate, run, train, report, status, export, score, convert, references,
)  # fmt: skip
for function in _STEPS:
    app.command()(function)
app.add_typer(labels, name="labels")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"noisette {version('noisette')}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Check a few labels, trust the rest: find the wrong labels of an image data set from a few verified ones."""
    refuse_processes(context.invoked_subcommand)


def main() -> None:
    """Run the command line; text is UTF-8 on every system, whatever the console's code page."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")
    app()
