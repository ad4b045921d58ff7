import builtins
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from noisette.cli.app import app
from noisette.errors import InvalidInputError, WorkspaceError
from noisette.web.serve import bind
from tests.web.conftest import make_workspace

DEADLINE = 60


def start(root: Path, *options: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "noisette", "review", "-w", str(root), "--port", "0", "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    return process, json.loads(line)["url"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_workspace(tmp_path / "fruit").root


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_it_prints_the_address_answers_and_stops_in_order(root: Path) -> None:
    process, url = start(root, "--reviewer", "eve")
    assert url.startswith("http://127.0.0.1:")
    with httpx.Client(base_url=url, timeout=DEADLINE) as client:
        assert client.get("/api/overview").json()["reviewer"] == "eve"
        assert "server" not in client.get("/").headers
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_port_that_is_taken_and_a_foreign_address_are_named(root: Path) -> None:
    first = bind("127.0.0.1", 0, None)
    port = first.socket.getsockname()[1]
    with pytest.raises(WorkspaceError, match=f"127.0.0.1:{port} cannot be listened on"):
        bind("127.0.0.1", port, None)
    with pytest.raises(WorkspaceError, match="choose another --host"):
        bind("203.0.113.7", 0, None)
    first.socket.close()
    done = CliRunner().invoke(app, ["review", "-w", str(root), "--host", "203.0.113.7"])
    assert (done.exit_code, "choose another --host" in done.stderr) == (1, True)


def test_on_loopback_no_token_is_needed_and_elsewhere_always_one() -> None:
    local = bind("127.0.0.1", 0, None)
    assert (local.guard.token, "token" in local.url, local.guard.any_address) == (None, False, False)
    everywhere, chosen = bind("0.0.0.0", 0, None), bind("0.0.0.0", 0, "with spaces & more", ("Shared.Example",))
    assert everywhere.guard.token is not None
    assert len(everywhere.guard.token) >= 32
    assert everywhere.url.endswith(f"?token={everywhere.guard.token}")
    assert chosen.guard.token == "with spaces & more"
    assert chosen.url.endswith("?token=with%20spaces%20%26%20more")
    assert "shared.example" in chosen.guard.hosts
    assert everywhere.guard.any_address
    asked = bind("127.0.0.1", 0, "a long token")
    assert asked.guard.token == "a long token"
    for binding in (local, everywhere, chosen, asked):
        binding.socket.close()


def test_a_short_token_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="at least 8 characters"):
        bind("127.0.0.1", 0, "short")


def test_without_the_extra_the_command_says_how_to_get_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_uvicorn(name: str, *rest: Any, **more: Any) -> Any:
        if name == "uvicorn":
            raise ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn")
        return real(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "noisette.web.serve", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_uvicorn)
    done = CliRunner().invoke(app, ["review", "-w", str(root)])
    assert done.exit_code == 1
    assert 'needs uvicorn, which is not installed; run `pip install "noisette[web]"`' in done.stderr


def test_a_folder_that_is_no_workspace_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["review", "-w", str(tmp_path)])
    assert (done.exit_code, "is not a workspace" in done.stderr) == (1, True)
