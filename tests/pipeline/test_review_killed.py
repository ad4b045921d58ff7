"""The real server, killed in the middle, on both databases: what it acknowledged is there, once, after a restart."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from noisette.store import ReviewStore
from tests.contracts.postgres import missing_postgres, postgres_database, postgres_server
from tests.web.conftest import make_workspace

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
DEADLINE = 60
SAMPLES, ENOUGH = 60, 40


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param(
            "postgresql", marks=pytest.mark.skipif(missing_postgres() is not None, reason=str(missing_postgres()))
        ),
    ]
)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'team.sqlite'}"
        return
    with postgres_database(request.getfixturevalue("server")) as url:
        yield url


@dataclass
class Running:
    """`noisette review` in a process of its own."""

    process: subprocess.Popen[str]
    url: str

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=DEADLINE)
        assert (self.process.returncode, out, err) == (0, "", "")


def start(root: Path, *options: str) -> Running:
    command = [sys.executable, "-m", "noisette", "review", "-w", str(root), "--port", "0", "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    return Running(process, json.loads(line)["url"])


@dataclass
class Person:
    """A reviewer who goes round all samples until the connection breaks."""

    name: str
    acknowledged: dict[str, int] = field(default_factory=dict)
    body: dict[str, object] = field(default_factory=dict)
    """What was sent last: whether it is in the store is not known when the connection breaks."""

    def client(self, url: str) -> httpx.Client:
        headers = {"X-Noisette": "1", "X-Noisette-Reviewer": self.name}
        return httpx.Client(base_url=url, headers=headers, timeout=DEADLINE)

    def send(self, client: httpx.Client) -> None:
        answer = client.post("/api/decisions", json=self.body)
        self.acknowledged[str(self.body["client_id"])] = answer.raise_for_status().json()["decision_id"]

    def decide(self, url: str, enough: threading.Event) -> None:
        with self.client(url) as client:
            for number in range(10_000):
                verdict = ("correct", "wrong", "unsure")[number % 3]
                token = f"{self.name}-{number}"
                self.body = {"client_id": token, "sample_id": number % SAMPLES, "verdict": verdict}
                try:
                    self.send(client)
                except (httpx.TransportError, json.JSONDecodeError):
                    return
                if number == ENOUGH:
                    enough.set()


def test_every_acknowledged_decision_survives_a_killed_server(tmp_path: Path, database: str) -> None:
    root = make_workspace(tmp_path / "fruit").root
    first = start(root, "--database", database)
    people, enough = [Person("ann"), Person("bob")], threading.Event()
    threads = [threading.Thread(target=one.decide, args=(first.url, enough)) for one in people]
    for thread in threads:
        thread.start()
    assert enough.wait(DEADLINE)
    first.process.kill()
    for thread in threads:
        thread.join(DEADLINE)
    assert first.process.wait(DEADLINE) == -signal.SIGKILL
    first.process.communicate()
    acknowledged = people[0].acknowledged | people[1].acknowledged
    assert len(acknowledged) > ENOUGH

    again = start(root)  # the workspace has noted its database
    for person in people:  # as a page does with what nobody acknowledged
        with person.client(again.url) as client:
            person.send(client)
            shown = client.get("/api/overview").raise_for_status().json()["total"]
    again.stop()
    with ReviewStore(database) as store:
        rows = store.since(0, 100_000)
        counts = store.counts()
    # What was said of copies of the sample comes along under the same token.
    stored = {row.review.client_id: row.id for row in rows if not row.review.is_bulk}
    assert len(stored) == sum(not row.review.is_bulk for row in rows), "none is there twice"
    assert {token: stored[token] for token in acknowledged} == acknowledged
    assert stored == people[0].acknowledged | people[1].acknowledged, "nothing that nobody sent"
    assert shown["decided"] == counts.samples > 0
