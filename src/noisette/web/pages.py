"""The pages for people, from templates that escape whatever names and paths hold."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

from noisette.pipeline.review import QUEUE_LABELS, ReviewSession

HERE = Path(__file__).parent


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )


def overview_page(session: ReviewSession) -> str:
    """Give the page of all classes and queues."""
    return _render("overview.html.j2", _common(session))


def class_page(session: ReviewSession, class_id: int) -> str:
    """Give the grid of one class."""
    name = session.class_names[class_id]
    about = {"queue": "class", "queue_label": "One class", "class_id": class_id, "class_name": name}
    about |= {"class_description": session.descriptions.get(name, "")}
    return _render("grid.html.j2", _common(session) | about)


def queue_page(session: ReviewSession, queue: str) -> str:
    """Give the grid of a queue over all classes.

    Raises:
        LookupError: there is no such queue.
    """
    label = next((label for name, label in QUEUE_LABELS.items() if name == queue), None)
    if label is None:
        raise LookupError("there is no such queue")
    about = {"queue": queue, "queue_label": label, "class_id": None, "class_name": "", "class_description": ""}
    return _render("grid.html.j2", _common(session) | about)


def message_page(status: int, text: str) -> str:
    """Give the page of an error; its sentence begins with a capital and ends with a full stop."""
    text = text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
    return _render("message.html.j2", {"title": "Noisette", "heading": HTTPStatus(status).phrase, "text": text})


def _common(session: ReviewSession) -> dict[str, Any]:
    return {
        "title": session.workspace.settings.project.title,
        "reviewer": session.reviewer,
        "workspace_id": session.samples.workspace_id,
    }


def _render(name: str, values: dict[str, Any]) -> str:
    return _environment().get_template(name).render(values)
