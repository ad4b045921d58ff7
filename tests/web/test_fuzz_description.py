"""Requests that schemathesis makes of the OpenAPI description, right ones and wrong ones, to every route.

The server never fails, answers with a status and a body that the description has, and refuses what it rules out.
$NOISETTE_FUZZ says how many requests in all (300). `python -m pytest tests/web/test_fuzz_description.py -s` shows how
each route answered.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.types import ASGIApp, Receive, Scope, Send

from noisette.pipeline.review import Decision, ReviewSession
from noisette.web import app as web_app
from noisette.web.guard import GuardSettings
from tests.web.conftest import BASE, CLASS_NAMES, PER_CLASS, WRITES, make_workspace

EXAMPLES = int(os.environ.get("NOISETTE_FUZZ", "300"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SIZE = 3 * PER_CLASS
KNOWN_NUMBERS = {"class_id": len(CLASS_NAMES) - 1, "correct_label": len(CLASS_NAMES) - 1, "decision_ids": SIZE}
KNOWN_WORDS = {"cursor": ["", "1", "30"], "x-noisette-reviewer": ["host", "%C3%81nna"]}
ROUTES = [
    ("/", "GET"),
    ("/classes/{class_id}", "GET"),
    ("/queues/{queue}", "GET"),
    ("/thumb/{sample_id}", "GET"),
    ("/image/{sample_id}", "GET"),
    ("/api/overview", "GET"),
    ("/api/grid", "GET"),
    ("/api/suggestion", "GET"),
    ("/api/changes", "GET"),
    ("/api/decisions", "POST"),
    ("/api/decisions/bulk", "POST"),
    ("/api/undo", "POST"),
    ("/api/exemplars", "GET"),
    ("/api/exemplars", "POST"),
    ("/api/refit", "GET"),
    ("/api/refit", "POST"),
]
NOTHING_TO_SAY = [("/", "GET"), ("/api/overview", "GET"), ("/api/refit", "GET")]
"""Routes that take no value, or any: nothing asked of them is ruled out."""

IDS = {"class_id": 1, "queue": "plan", "sample_id": 7}
GOOD: dict[tuple[str, str], dict[str, Any]] = {
    ("/api/grid", "GET"): {"query": {"class_id": 1, "only": "all"}},
    ("/api/suggestion", "GET"): {"query": {"id": 7}},
    ("/api/changes", "GET"): {"query": {"since": 1}},
    ("/api/exemplars", "GET"): {"query": {"class_id": 1}},
    ("/api/exemplars", "POST"): {"body": {"class_id": 0, "sample_id": 7, "action": "pin"}},
    ("/api/decisions", "POST"): {"body": {"client_id": "a", "sample_id": 7, "verdict": "wrong", "correct_label": 2}},
    ("/api/decisions/bulk", "POST"): {"body": {"client_id": "b", "sample_ids": [1, 30], "verdict": "none"}},
    ("/api/undo", "POST"): {"body": {"decision_ids": [1, 2]}},
    ("/api/refit", "POST"): {"body": {}},
}


class FakeRefit:
    """Starts nothing; runs every other time."""

    def __init__(self, *_: object) -> None:
        self._runs = False

    def start(self) -> bool:
        self._runs = not self._runs
        return self._runs

    def status(self) -> dict[str, Any]:
        about = {"step": "", "done": 0, "total": 0, "error": None, "changes": None}
        return {"state": "running" if self._runs else "idle"} | about

    def stop(self) -> None:
        pass


@dataclass
class Server:
    """The application, and how it answered so far: (route, status) to a number."""

    app: FastAPI
    asgi: ASGIApp
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    def ask(self, case: schemathesis.Case[Any], checks: list[Any]) -> None:
        """Send a request; the answer must be one of the description."""
        response = case.call(app=self.asgi, base_url=BASE, headers=WRITES)
        self.answers[f"{case.method} {case.path}", response.status_code] += 1
        case.validate_response(response, checks=checks)

    def shares(self) -> Iterator[str]:
        """Tell how each route answered."""
        for path, method in ROUTES:
            route = f"{method} {path}"
            found = {status: number for (name, status), number in sorted(self.answers.items()) if name == route}
            good = sum(number for status, number in found.items() if status < 300) / max(1, sum(found.values()))
            yield f"{route:27} {sum(found.values()):5} requests, {good:4.0%} good, {found}"
        yield f"{self.answers.total()} requests"

    def description(self, *, known: bool) -> dict[str, Any]:
        """Give the description; `known`: narrowed to numbers and words that the workspace knows."""
        made: dict[str, Any] = deepcopy(self.app.openapi())
        if known:
            for path in made["paths"].values():
                for operation in path.values():
                    for parameter in operation.get("parameters", ()):
                        _narrow(parameter["schema"], parameter["name"])
            for body in made["components"]["schemas"].values():
                for name, schema in body.get("properties", {}).items():
                    _narrow(schema, name)
        return made


def _narrow(schema: dict[str, Any], name: str) -> None:
    if name in KNOWN_WORDS:
        schema["enum"] = KNOWN_WORDS[name]
    for part in (schema, schema.get("items", {}), *schema.get("anyOf", ())):
        if part.get("maximum", part.get("exclusiveMaximum", 0)) >= 2**31 - 1:
            part.pop("exclusiveMaximum", None)
            part["maximum"] = KNOWN_NUMBERS.get(name, SIZE - 1)
            part["minimum"] = 1 if name == "decision_ids" else 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root: Path = tmp_path_factory.mktemp("fuzz") / "fruit"
    session = ReviewSession(make_workspace(root), "host")
    session.decide(Decision("first", tuple(range(SIZE)), "correct", "class", is_bulk=True), "host")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(web_app, "Refit", FakeRefit)  # its process is the same whatever is asked for
        app = web_app.make_app(session, GuardSettings(requests_per_second=1e9, burst=1e9))

    async def without_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"  # schemathesis would end the application after the first test
        await app(scope, receive, send)

    server = Server(app, without_lifespan)
    yield server
    print(*server.shares(), sep="\n")
    session.close()


def test_the_description_has_every_route(server: Server) -> None:
    described = [
        (path, method.upper()) for path, methods in server.app.openapi()["paths"].items() for method in methods
    ]
    assert sorted(described) == sorted(ROUTES)
    routes = [vars(route) for route in server.app.routes]
    served = {(about["path"], method) for about in routes for method in about.get("methods") or ()}
    assert served - {(path, "HEAD") for path, _ in ROUTES} == set(ROUTES)


@pytest.mark.parametrize(("path", "method"), ROUTES)
def test_every_route_answers_a_right_request(server: Server, path: str, method: str) -> None:
    values = GOOD.get((path, method), {})
    operation = schemathesis.openapi.from_dict(server.description(known=True))[path][method]
    server.ask(operation.Case(path_parameters=dict(IDS), media_type="application/json", **values), CHECKS)
    assert all(status < 300 for _, status in server.answers)


POSSIBLE = [(*route, GenerationMode.POSITIVE, known) for route in ROUTES for known in (True, False)]
IMPOSSIBLE = [(*route, GenerationMode.NEGATIVE, False) for route in ROUTES if route not in NOTHING_TO_SAY]


@pytest.mark.parametrize(("path", "method", "mode", "known"), POSSIBLE + IMPOSSIBLE)
def test_every_answer_is_one_of_the_description(
    server: Server, path: str, method: str, mode: GenerationMode, known: bool
) -> None:
    checks = [*CHECKS, negative_data_rejection] if mode == GenerationMode.NEGATIVE else CHECKS
    number = max(2, EXAMPLES // len(POSSIBLE + IMPOSSIBLE))
    operation = schemathesis.openapi.from_dict(server.description(known=known))[path][method]

    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case[Any]) -> None:
        server.ask(case, checks)

    ask()
