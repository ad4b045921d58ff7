"""`noisette labels` from the outside."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from noisette.cli.app import app
from noisette.pipeline.workspace import Workspace
from noisette.types import Review
from tests.web.conftest import make_workspace


@pytest.fixture
def fruit(tmp_path: Path) -> Workspace:
    workspace = make_workspace(tmp_path / "fruit")
    with workspace.reviews() as store:
        for key in ("00.png", "01.png"):
            store.add(Review(key=key, given_label=0, verification_label=1, time=datetime.now(UTC), queue="class"))
    return workspace


def test_repair_says_what_differed_and_repairs_it(fruit: Workspace) -> None:
    with closing(sqlite3.connect(fruit.root / "reviews.sqlite")) as database:
        database.execute("DELETE FROM standing WHERE key = '00.png'")
        database.commit()
    done = CliRunner().invoke(app, ["labels", "repair", "-w", str(fruit.root)])
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "decisions stand for 2 samples",
        "repaired: 1 were missing, 0 were noted otherwise, 0 were noted and do not stand; "
        "the counts of 0 classes were wrong",
    ]
    again = CliRunner().invoke(app, ["labels", "repair", "-w", str(fruit.root)])
    assert again.stdout.splitlines() == ["decisions stand for 2 samples", "what was noted of them was right"]
    as_json = CliRunner().invoke(app, ["labels", "repair", "-w", str(fruit.root), "--json"])
    found = {"samples": 2, "missing": 0, "superfluous": 0, "other": 0, "classes": 0}
    assert json.loads(as_json.stdout) == found | {"next": None}


def test_a_database_of_another_workspace_is_refused_and_can_be_taken_over(fruit: Workspace) -> None:
    with closing(sqlite3.connect(fruit.root / "reviews.sqlite")) as database:
        database.execute("UPDATE about SET value = 'other' WHERE name = 'workspace'")
        database.commit()
    done = CliRunner().invoke(app, ["labels", "export", "-w", str(fruit.root), str(fruit.root / "out.csv")])
    assert (done.exit_code, "run `noisette labels repair --take-over`" in " ".join(done.stderr.split())) == (1, True)
    assert CliRunner().invoke(app, ["labels", "repair", "-w", str(fruit.root)]).exit_code == 1
    assert CliRunner().invoke(app, ["labels", "repair", "--take-over", "-w", str(fruit.root)]).exit_code == 0
    assert CliRunner().invoke(app, ["labels", "agreement", "-w", str(fruit.root)]).exit_code == 0
