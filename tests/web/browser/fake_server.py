"""A small server of the review page's API over made-up data, so that pages can be tried and tested by themselves."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from PIL import Image
from sklearn.datasets import load_digits

import noisette.web

WEB = Path(noisette.web.__path__[0])
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
QUEUES = {
    "plan": "Suggested next",
    "suspicious": "Most suspicious",
    "audit": "Random audit",
    "disagreement": "Disagreements",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


@dataclass
class Decision:
    """One row of the made-up store."""

    sample_id: int
    verdict: str
    correct_label: int | None
    reviewer: str
    client_id: str


@dataclass
class FakeData:
    """Digits whose labels are wrong now and then, and the decisions on them.

    `trouble` is the status with which the next writes are refused (0: none, they are taken).
    """

    names: list[str] = field(default_factory=lambda: list(NAMES))
    size: int = 1797
    trouble: int = 0
    decisions: list[Decision] = field(default_factory=list)
    undone: set[int] = field(default_factory=set)
    exemplar_actions: dict[tuple[int, int], str] = field(default_factory=dict)
    refit_looks: int = -1
    undo_requests: int = 0

    def __post_init__(self) -> None:
        """Give each sample its picture and its label."""
        images, truth = load_digits().images, load_digits().target
        rows = np.arange(self.size) % truth.size
        rng = np.random.default_rng(0)
        self.pixels = 255 - (images[rows] * (255 / 16)).astype(np.uint8)
        extra = rng.integers(0, len(self.names), self.size)
        base = truth[rows] if len(self.names) == len(NAMES) else extra
        self.truth = base
        self.given = np.where(rng.random(self.size) < 0.15, extra, base)

    def standing(self) -> dict[int, int]:
        """Give the number of the decision that stands, by sample."""
        return {d.sample_id: n for n, d in enumerate(self.decisions, 1) if n not in self.undone and d.verdict != "undo"}

    def item(self, sample_id: int) -> dict[str, Any]:
        """Give a grid item."""
        number = self.standing().get(sample_id)
        found = self.decisions[number - 1] if number else None
        return {
            "id": sample_id,
            "key": f"{sample_id}.png",
            "given_label": int(self.given[sample_id]),
            "state": found.verdict if found else "open",
            "correct_label": found.correct_label if found else None,
            "decision_id": number,
            "copies": 3 if sample_id % 17 == 5 else 1,
        }

    def counts(self, rows: np.ndarray) -> dict[str, Any]:
        """Give progress over some samples."""
        wanted, standing = set(rows.tolist()), self.standing()
        verdicts = [self.decisions[n - 1].verdict for row, n in standing.items() if row in wanted]
        wrong, correct = sum(v in ("wrong", "none") for v in verdicts), verdicts.count("correct")
        rate, error = wrong / (wrong + correct) if wrong + correct else 0.0, None
        if wrong + correct:
            spread = 1.96 * math.sqrt((rate * (1 - rate) + 0.02) / (wrong + correct))
            error = {"value": rate, "low": max(0.0, rate - spread), "high": min(1.0, rate + spread)}
        sums = {"correct": correct, "wrong": wrong, "unsure": verdicts.count("unsure"), "error": error}
        return {"samples": rows.size, "decided": len(verdicts)} | sums

    def class_row(self, label: int) -> dict[str, Any]:
        """Give a class with its progress."""
        about = "A digit as people write it: look at the loops, and whether they close." if label == 3 else ""
        row = {"id": label, "name": self.names[label], "description": about}
        return row | self.counts(np.flatnonzero(self.given == label))

    def progress(self, label: int | None) -> dict[str, Any]:
        """Give the progress of everything and of a class."""
        return {
            "total": self.counts(np.arange(self.size)),
            "class": None if label is None else self.class_row(label),
        }

    def add(self, sample_id: int, body: dict[str, Any], reviewer: str) -> int:
        """Keep a decision once by its client_id, give its number."""
        for number, found in enumerate(self.decisions, 1):
            if (found.client_id, found.sample_id) == (body["client_id"], sample_id):
                return number
        label = body.get("correct_label")
        self.decisions.append(Decision(sample_id, body["verdict"], label, reviewer, body["client_id"]))
        return len(self.decisions)


def make_app(data: FakeData) -> FastAPI:
    """Serve made-up data as the review's server would."""
    app = FastAPI()
    pages = jinja2.Environment(loader=jinja2.FileSystemLoader(WEB / "templates"), autoescape=True)
    app.mount("/static", StaticFiles(directory=WEB / "static"))

    @app.middleware("http")
    async def guard(request: Request, call_next: Any) -> Response:
        if request.method == "POST":
            if request.headers.get("x-noisette") != "1":
                return JSONResponse({"error": "The header X-Noisette is missing."}, 403)
            if data.trouble:
                return JSONResponse({"error": "Trouble, made on purpose."}, data.trouble)
        response: Response = await call_next(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    @app.exception_handler(HTTPException)
    async def explain(_: Request, error: HTTPException) -> Response:
        return JSONResponse({"error": error.detail}, error.status_code)

    _add_pages(app, data, pages)
    _add_reading(app, data)
    _add_writing(app, data)
    return app


def _add_pages(app: FastAPI, data: FakeData, pages: jinja2.Environment) -> None:
    shared = {"title": "Handwritten digits", "reviewer": "demo", "workspace_id": "fake"}

    @app.get("/", response_class=HTMLResponse)
    def overview_page() -> str:
        return pages.get_template("overview.html.j2").render(shared)

    @app.get("/classes/{class_id}", response_class=HTMLResponse)
    def class_page(class_id: int) -> str:
        row = data.class_row(class_id)
        about = {"class_id": class_id, "class_name": row["name"], "class_description": row["description"]}
        return pages.get_template("grid.html.j2").render(shared | about | {"queue": "class", "queue_label": "Class"})

    @app.get("/queues/{queue}", response_class=HTMLResponse)
    def queue_page(queue: str) -> str:
        about = {"class_id": None, "class_name": "", "class_description": ""}
        return pages.get_template("grid.html.j2").render(
            shared | about | {"queue": queue, "queue_label": QUEUES[queue]}
        )


def _add_reading(app: FastAPI, data: FakeData) -> None:
    @app.get("/api/overview")
    def overview() -> dict[str, Any]:
        queues = [
            {"name": name, "label": label, "count": 0 if name == "disagreement" else 200}
            for name, label in QUEUES.items()
        ]
        classes = [data.class_row(label) for label in range(len(data.names))]
        about = {"title": "Handwritten digits", "reviewer": "demo", "can_suggest": True}
        return about | {"total": data.counts(np.arange(data.size)), "classes": classes, "queues": queues}

    @app.get("/api/grid")
    def grid(
        queue: str = "class", class_id: int | None = None, cursor: str | None = None, limit: int = 60, only: str = "all"
    ) -> dict[str, Any]:
        rows = np.flatnonzero(data.given == class_id) if queue == "class" else np.arange(0, data.size, 9)[:200]
        standing = data.standing()
        if only == "open":
            rows = np.asarray([row for row in rows if row not in standing], dtype=np.int64)
        rest = rows[rows > int(cursor)] if cursor else rows
        shown = rest[:limit]
        more = str(shown[-1]) if rest.size > limit else None
        return {"items": [data.item(int(row)) for row in shown], "next_cursor": more, "total": int(rows.size)}

    @app.get("/api/exemplars")
    def exemplars(class_id: int) -> dict[str, Any]:
        rows = np.flatnonzero((data.given == class_id) & (data.truth == class_id))[:8].tolist()
        rows = [row for row in rows if data.exemplar_actions.get((class_id, row)) != "reject"]
        pinned = {row for row in rows if data.exemplar_actions.get((class_id, row)) == "pin"}
        items = [{"id": row, "verified": n < 3, "pinned": row in pinned} for n, row in enumerate(rows)]
        return {"items": sorted(items, key=lambda item: not item["pinned"])[:6]}

    @app.get("/thumb/{sample_id}")
    @app.get("/image/{sample_id}")
    def picture(sample_id: int) -> Response:
        held = io.BytesIO()
        side = 64
        Image.fromarray(data.pixels[sample_id]).resize((side, side), Image.Resampling.NEAREST).save(held, "WEBP")
        return Response(held.getvalue(), media_type="image/webp", headers={"Cache-Control": "private, max-age=3600"})

    @app.get("/api/suggestion")
    def suggestion(id: int) -> dict[str, Any]:
        suggested = int(data.truth[id])
        quality = 0.93 if suggested == data.given[id] else 0.08
        evidence = f"8 of 10 neighbours are {data.names[suggested]}"
        return {"suggested_label": suggested, "probability": 0.9, "label_quality": quality, "evidence": evidence}

    @app.get("/api/changes")
    def changes(since: int, class_id: int | None = None) -> dict[str, Any]:
        last = len(data.decisions)
        ids = {d.sample_id for d in data.decisions[since:last]} if since >= 0 else set()
        return {"last": last, "items": [data.item(i) for i in sorted(ids)], "progress": data.progress(class_id)}

    @app.get("/api/refit")
    def refit() -> dict[str, Any]:
        looks = data.refit_looks
        data.refit_looks += looks >= 0
        about = {"step": "", "done": 0, "total": 0, "error": None, "changes": None}
        if looks < 0:
            return about | {"state": "idle"}
        if looks < 2:
            return about | {"state": "running", "step": "scoring every label", "done": looks, "total": 3}
        numbers = {"flagged_before": 241, "flagged_after": 263, "newly_flagged": 31, "no_longer": 9}
        return about | {"state": "done", "changes": numbers | {"error_before": 0.152, "error_after": 0.094}}


def _add_writing(app: FastAPI, data: FakeData) -> None:
    def who(request: Request) -> str:
        return request.headers.get("x-noisette-reviewer", "demo")

    @app.post("/api/decisions")
    async def decide(request: Request) -> dict[str, Any]:
        body = await request.json()
        number = data.add(body["sample_id"], body, who(request))
        return {"decision_id": number, "progress": data.progress(int(data.given[body["sample_id"]]))}

    @app.post("/api/decisions/bulk")
    async def decide_many(request: Request) -> dict[str, Any]:
        body = await request.json()
        numbers = [data.add(sample_id, body, who(request)) for sample_id in body["sample_ids"]]
        return {"decision_ids": numbers, "progress": data.progress(int(data.given[body["sample_ids"][0]]))}

    @app.post("/api/undo")
    async def undo(request: Request) -> dict[str, Any]:
        numbers = (await request.json())["decision_ids"]
        data.undo_requests += 1
        if any(data.decisions[number - 1].reviewer != who(request) for number in numbers):
            raise HTTPException(409, "this decision is somebody else's")
        rows = [data.decisions[number - 1].sample_id for number in numbers]
        for number, row in zip(numbers, rows, strict=True):
            if number not in data.undone:
                data.undone.add(number)
                data.decisions.append(Decision(row, "undo", None, who(request), f"undo {number}"))
        progress = data.progress(int(data.given[rows[0]]))
        return {"decision_ids": numbers, "samples": [data.item(row) for row in rows], "progress": progress}

    @app.post("/api/exemplars")
    async def exemplar(request: Request) -> dict[str, Any]:
        body = await request.json()
        data.exemplar_actions[body["class_id"], body["sample_id"]] = body["action"]
        return {}

    @app.post("/api/refit", status_code=202)
    def begin_refit() -> dict[str, Any]:
        data.refit_looks = 0
        return {}
