"""What the server answers: the shapes of its OpenAPI description. The tests hold every answer against them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_Count = Annotated[int, Field(ge=0)]
_Share = Annotated[float, Field(ge=0, le=1)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ErrorAnswer(_Answer):
    """One sentence for a person."""

    error: Annotated[str, Field(min_length=1)]


class Interval(_Answer):
    """A share of wrong labels in [0, 1] with its 95 % interval."""

    value: _Share
    low: _Share
    high: _Share


class Counts(_Answer):
    """What is decided; `error` is null where it is not known."""

    samples: _Count
    decided: _Count
    correct: _Count
    wrong: _Count
    unsure: _Count
    error: Interval | None


class ClassCounts(Counts):
    """The same of one class."""

    id: _Count


class ClassRow(ClassCounts):
    """A class of the overview."""

    name: str
    description: str


class QueueRow(_Answer):
    """A queue of the overview, and how many tiles of it are open."""

    name: str
    label: str
    count: _Count


class OverviewAnswer(_Answer):
    """Everything that the first page shows."""

    title: str
    reviewer: str
    can_suggest: bool
    total: Counts
    classes: list[ClassRow]
    queues: list[QueueRow]


class Tile(_Answer):
    """One picture of the grid, with what stands for it."""

    id: _Count
    key: str
    given_label: _Count
    state: Literal["open", "correct", "wrong", "none", "unsure"]
    correct_label: _Count | None
    decision_id: _Count | None
    copies: Annotated[int, Field(ge=1)]


class GridAnswer(_Answer):
    """A page of tiles, the cursor of the next one (null: that was all), and how many the queue has."""

    items: list[Tile]
    next_cursor: str | None
    total: _Count


class Exemplar(_Answer):
    """A picture that shows how its class should look."""

    id: _Count
    verified: bool
    pinned: bool


class ExemplarsAnswer(_Answer):
    """Those of a class, the best first."""

    items: list[Exemplar]


class SuggestionAnswer(_Answer):
    """What the model says; -2 stands for none of the classes, null for nothing."""

    suggested_label: Annotated[int, Field(ge=-2)] | None
    probability: _Share | None
    label_quality: _Share | None
    evidence: str


class ProgressAnswer(_Answer):
    """What is decided in all, and in the class that was asked for or decided on."""

    total: Counts
    of_class: Annotated[ClassCounts | None, Field(alias="class")]


class ChangesAnswer(_Answer):
    """Tiles that anybody changed, and the number to ask for the next time."""

    last: _Count
    items: list[Tile]
    progress: ProgressAnswer


class DecisionAnswer(_Answer):
    """The number of the decision."""

    decision_id: _Count
    progress: ProgressAnswer


class BulkAnswer(_Answer):
    """The numbers of the decisions, in the order of the samples."""

    decision_ids: list[_Count]
    progress: ProgressAnswer


class UndoAnswer(_Answer):
    """The numbers of the undoings, in the order of the decisions, and the tiles as they are now."""

    decision_ids: list[_Count]
    samples: list[Tile]
    progress: ProgressAnswer


class RefitChanges(_Answer):
    """What a refit changed; the errors are those of the verifier on verified labels."""

    flagged_before: _Count
    flagged_after: _Count
    newly_flagged: _Count
    no_longer: _Count
    error_before: _Share | None
    error_after: _Share | None


class RefitAnswer(_Answer):
    """How far the refit is."""

    state: Literal["idle", "running", "done", "failed"]
    step: str
    done: _Count
    total: _Count
    error: str | None
    changes: RefitChanges | None


_WORDS: dict[int, str] = {
    400: "A value is missing or not one of those allowed",
    401: "The token is missing or wrong",
    403: "The request comes from another site or another workspace's page, or a write lacks the header X-Noisette: 1",
    404: "There is no such thing in the workspace",
    405: "Another method is needed",
    409: "Somebody else's decision, or a refit that runs already",
    413: "The body is longer than 64 KiB",
    429: "Too many requests; wait a second",
    503: "The store cannot be used just now; the same request may succeed later",
}
EVERYWHERE = (401, 403, 429, 503)


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the errors with which a route answers, beside those that any may answer with."""
    return {
        status: {"model": ErrorAnswer, "description": _WORDS[status]} for status in sorted({*EVERYWHERE, *statuses})
    }


def pages(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of a page for people: HTML where the request accepts it, else JSON."""
    json = {"schema": {"$ref": f"#/components/schemas/{ErrorAnswer.__name__}"}}
    content = {"application/json": json, "text/html": {"schema": {"type": "string"}}}
    return {
        status: {"description": about["description"], "content": content} for status, about in errors(*statuses).items()
    }


def picture() -> dict[int | str, dict[str, Any]]:
    """Describe the answers of a picture."""
    shown = {"content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}}}
    return errors(400, 404) | {200: {"description": "The picture", **shown}, 304: {"description": "The browser has it"}}
