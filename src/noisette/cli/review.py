"""``noisette review``."""

from __future__ import annotations

import getpass
import json
from typing import Annotated

import typer

from noisette.cli.console import JsonOption, WorkspaceOption, command, quoted


@command
def review(
    workspace: WorkspaceOption = None,
    host: Annotated[str, typer.Option(help="Where to listen; off this machine a token is needed.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 8765,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="NOISETTE_TOKEN", help="Needed by everybody who opens the page; off this machine one is made."
        ),
    ] = None,
    reviewer: Annotated[
        str | None,
        typer.Option(help="Who decides, unless the page says otherwise; your user name.", show_default=False),
    ] = None,
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="A further name by which the page may be reached.")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Keep the decisions there from now on: postgresql+psycopg://USER@HOST/NAME."),
    ] = None,
    thumbnail_gb: Annotated[float, typer.Option(min=0, help="Disk space for thumbnails, in gigabytes.")] = 1.0,
    as_json: JsonOption = False,
) -> None:
    """Check labels on a page in the browser, alone or together."""
    from noisette.errors import MissingExtraError
    from noisette.pipeline.workspace import open_workspace

    opened = open_workspace(workspace)
    try:
        from noisette.web.serve import bind, serve
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "noisette":
            raise
        raise MissingExtraError(
            f'`noisette review` needs {error.name}, which is not installed; run `pip install "noisette[web]"`'
        ) from error
    from noisette.pipeline.database import use_database
    from noisette.pipeline.review import ReviewSession

    opened, move = use_database(opened, database)
    if move is not None:
        typer.echo(f"decisions are now kept in {move.name}; {move.copied} rows came from {move.before}", err=True)
    binding = bind(host, port, token, tuple(allowed_host or ()))
    session = ReviewSession(opened, reviewer or _user())
    next_command = f"noisette run -w {quoted(opened.root)}"
    if as_json:
        found = {"url": binding.url, "workspace": str(opened.root), "reviewer": session.reviewer, "next": next_command}
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        typer.echo(f"review: {binding.url}")
        typer.echo("Ctrl-C stops it; every decision is saved when you see it")
    serve(session, binding, thumbnail_bytes=int(thumbnail_gb * 1e9))
    if not as_json:
        typer.echo(f"next: {next_command}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user in this container
        return "reviewer"
