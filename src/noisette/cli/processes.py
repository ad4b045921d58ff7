"""A command that ``torchrun`` starts in several processes: one of them talks, and all end together."""

from __future__ import annotations

import functools
import io
import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import ParamSpec

import typer

from noisette.cli.console import FAILED, fail

_Parameters = ParamSpec("_Parameters")
_PATIENCE = 3.0
"""Seconds in which torchrun ends the other processes of one that has failed; it looks ten times a second."""


def in_every_process(function: Callable[_Parameters, None]) -> Callable[_Parameters, None]:
    """Let a command, outermost, be started by ``torchrun``; its option `device` becomes the one of the process.

    Only the first process prints. An error is printed once: by the first process, if it is its own, else by the one
    that met it.
    """

    @functools.wraps(function)
    def run(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> None:
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            function(*args, **kwargs)
        else:
            _run_here(functools.partial(function, *args, **kwargs), str(kwargs["device"]))

    return run


def refuse_processes(name: str | None) -> None:
    """End, where ``torchrun`` has started several processes of a command that is not made for them."""
    if name == "train" or "TORCHELASTIC_RUN_ID" not in os.environ or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return
    if int(os.environ["RANK"]) == 0:
        fail(f"`noisette {name}` runs in one process, and torchrun has started several; start it without torchrun")
    time.sleep(_PATIENCE)
    raise typer.Exit(FAILED)


def _run_here(function: functools.partial[None], device: str) -> None:
    from noisette.errors import NoisetteError
    from noisette.training.processes import end_at_once, join_processes, leave_processes

    is_first, words, code = int(os.environ["RANK"]) == 0, io.StringIO(), FAILED
    stdout, stderr = (sys.stdout, sys.stderr) if is_first else (io.StringIO(), words)
    with redirect_stdout(stdout), redirect_stderr(stderr):
        try:
            function(device=join_processes(device))
            leave_processes()
        except typer.Exit as error:
            code = error.exit_code
            if is_first:
                end_at_once(code)
        except NoisetteError as error:  # of joining; the command itself prints its own
            typer.echo(f"error: {error}", err=True)
            if is_first:
                end_at_once(code)
        except Exception:
            words.write(traceback.format_exc())
    # Perhaps the first process says the same, or another one has gone and this error is only what follows from that:
    # then torchrun ends this process while it waits.
    time.sleep(_PATIENCE)
    print(words.getvalue(), end="", file=sys.stderr)
    end_at_once(code)
