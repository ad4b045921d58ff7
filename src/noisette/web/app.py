"""The application: every address of the page, and how errors are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import Depends, FastAPI, Header, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from noisette.errors import InvalidInputError, NoisetteError
from noisette.pipeline.review import QUEUE_LABELS, Decision, ReviewSession
from noisette.pipeline.review_queues import QueueName
from noisette.pipeline.review_refit import Refit
from noisette.pipeline.review_thumbnails import DEFAULT_BUDGET
from noisette.pipeline.review_undo import NotOwnDecisionError
from noisette.web.answers import (
    BulkAnswer,
    ChangesAnswer,
    DecisionAnswer,
    ExemplarsAnswer,
    GridAnswer,
    OverviewAnswer,
    RefitAnswer,
    SuggestionAnswer,
    UndoAnswer,
    errors,
    pages,
    picture,
)
from noisette.web.bodies import MAX_BULK, BulkBody, DecisionBody, ExemplarBody, RefitBody, UndoBody
from noisette.web.guard import Guard, GuardSettings
from noisette.web.pages import HERE, class_page, message_page, overview_page, queue_page
from noisette.web.pictures import Pictures

MAX_NAME = 200
_LARGEST = 2**31 - 1
_Id = Annotated[int, Path(ge=0, le=_LARGEST)]
_QueryId = Annotated[int, Query(ge=0, le=_LARGEST)]


async def reviewer_of(request: Request, x_noisette_reviewer: Annotated[str, Header()] = "") -> str:
    """Give who decides: the header ``X-Noisette-Reviewer`` (percent-encoded UTF-8), else the server's reviewer.

    Raises:
        InvalidInputError: the name is too long, or has characters that cannot be printed.
    """
    name = unquote(x_noisette_reviewer, errors="replace").strip()
    if len(name) > MAX_NAME or not name.isprintable():
        raise InvalidInputError(f"the reviewer's name must have at most {MAX_NAME} printable characters")
    return name or str(request.app.state.reviewer)


_Reviewer = Annotated[str, Depends(reviewer_of)]


def make_app(
    session: ReviewSession, guard: GuardSettings | None = None, *, thumbnail_bytes: int = DEFAULT_BUDGET
) -> FastAPI:
    """Make the application over a workspace; it closes the session when it ends.

    Args:
        session: the workspace under review.
        guard: who may ask; None: loopback, no token.
        thumbnail_bytes: what thumbnails may take on disk.
    """
    refit = Refit(session.workspace, lambda: session.scores, session.load_scores)
    pictures = Pictures(session, thumbnail_bytes)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        refit.stop()
        pictures.close()
        session.close()

    async def check_workspace(request: Request) -> None:
        """Refuse a page of another workspace, served at the same address before: its ids mean other samples."""
        if request.headers.get("x-noisette-workspace", session.samples.workspace_id) != session.samples.workspace_id:
            raise HTTPException(403, "this page belongs to another workspace; reload it")

    app = FastAPI(
        title="noisette review",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        dependencies=[Depends(check_workspace)],
    )
    app.state.reviewer = session.reviewer
    app.add_middleware(Guard, settings=guard or GuardSettings())
    _add_pages(app, session)
    _add_reads(app, session, pictures)
    _add_writes(app, session)
    _add_refit(app, refit)
    _add_errors(app)
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    app.openapi = lambda: _description(app)  # type: ignore[method-assign]  # FastAPI's own way to change it
    return app


def _description(app: FastAPI) -> dict[str, Any]:
    """Give the OpenAPI description of the API. It is not served: the page's own script needs none."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, routes=app.routes)
        for operation in (one for path in made["paths"].values() for one in path.values()):
            operation["responses"].pop("422", None)  # FastAPI's own answer to a bad value; here it is a 400
        for name in ("HTTPValidationError", "ValidationError"):
            made["components"]["schemas"].pop(name, None)
        app.openapi_schema = made
    return app.openapi_schema


def _add_pages(app: FastAPI, session: ReviewSession) -> None:
    @app.get("/", response_class=HTMLResponse, responses=pages())
    def overview() -> str:
        return overview_page(session)

    @app.get("/classes/{class_id}", response_class=HTMLResponse, responses=pages(400, 404))
    def one_class(class_id: _Id) -> str:
        return class_page(session, session.check_class(class_id))

    @app.get("/queues/{queue}", response_class=HTMLResponse, responses=pages(404))
    def one_queue(queue: Annotated[str, Path(json_schema_extra={"enum": list(QUEUE_LABELS)})]) -> str:
        return queue_page(session, queue)


def _add_reads(app: FastAPI, session: ReviewSession, pictures: Pictures) -> None:
    @app.get("/api/overview", response_model=OverviewAnswer, responses=errors(400))
    def overview(reviewer: _Reviewer) -> Response:
        return JSONResponse(session.overview(reviewer))

    @app.get("/api/grid", response_model=GridAnswer, responses=errors(400, 404))
    def grid(
        class_id: _QueryId | None = None,
        queue: QueueName = "class",
        cursor: Annotated[str, Query(max_length=40)] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_BULK)] = 60,
        only: Annotated[str, Query(pattern="^(open|all)$")] = "all",
    ) -> Response:
        chosen = None if class_id is None else session.check_class(class_id)
        return JSONResponse(session.grid(queue, chosen, cursor, limit, only_open=only == "open"))

    @app.get("/api/exemplars", response_model=ExemplarsAnswer, responses=errors(400, 404))
    def exemplars(class_id: _QueryId) -> Response:
        return JSONResponse({"items": session.exemplars(session.check_class(class_id))})

    @app.get("/api/suggestion", response_model=SuggestionAnswer, responses=errors(400, 404))
    def suggestion(id: _QueryId) -> Response:
        return JSONResponse(session.suggestion(session.check_sample(id)))

    @app.get("/api/changes", response_model=ChangesAnswer, responses=errors(400, 404))
    def changes(since: Annotated[int, Query(ge=-1, lt=2**62)], class_id: _QueryId | None = None) -> Response:
        return JSONResponse(session.changes(since, None if class_id is None else session.check_class(class_id)))

    @app.get("/thumb/{sample_id}", response_class=Response, responses=picture())
    async def thumbnail(sample_id: _Id, request: Request) -> Response:
        return await pictures.answer(session.check_sample(sample_id), request, is_thumbnail=True)

    @app.get("/image/{sample_id}", response_class=Response, responses=picture())
    async def image(sample_id: _Id, request: Request) -> Response:
        return await pictures.answer(session.check_sample(sample_id), request, is_thumbnail=False)


def _add_writes(app: FastAPI, session: ReviewSession) -> None:
    @app.post("/api/decisions", response_model=DecisionAnswer, responses=errors(400, 404, 413))
    def decide(body: DecisionBody, reviewer: _Reviewer) -> Response:
        row = session.check_sample(body.sample_id)
        said = Decision(body.client_id, (row,), body.verdict, body.queue, body.correct_label, body.seconds)
        [number] = session.decide(said, reviewer)
        return JSONResponse({"decision_id": number, "progress": session.progress(int(session.samples.given[row]))})

    @app.post("/api/decisions/bulk", response_model=BulkAnswer, responses=errors(400, 404, 413))
    def decide_many(body: BulkBody, reviewer: _Reviewer) -> Response:
        rows = tuple(session.check_sample(row) for row in body.sample_ids)
        said = Decision(body.client_id, rows, body.verdict, body.queue, is_bulk=True)
        numbers = session.decide(said, reviewer)
        progress = session.progress(int(session.samples.given[rows[0]]))
        return JSONResponse({"decision_ids": numbers, "progress": progress})

    @app.post("/api/undo", response_model=UndoAnswer, responses=errors(400, 404, 409, 413))
    def undo(body: UndoBody, reviewer: _Reviewer) -> Response:
        numbers, items = session.undo(body.decision_ids, reviewer)
        progress = session.progress(items[0]["given_label"])
        return JSONResponse({"decision_ids": numbers, "samples": items, "progress": progress})

    @app.post("/api/exemplars", response_model=ExemplarsAnswer, responses=errors(400, 404, 413))
    def choose_exemplar(body: ExemplarBody) -> Response:
        class_id, row = session.check_class(body.class_id), session.check_sample(body.sample_id)
        session.choose_exemplar(class_id, row, body.action)
        return JSONResponse({"items": session.exemplars(class_id)})


def _add_refit(app: FastAPI, refit: Refit) -> None:
    @app.post("/api/refit", response_model=RefitAnswer, status_code=202, responses=errors(400, 409, 413))
    def start(_body: RefitBody) -> Response:
        if not refit.start():
            raise HTTPException(409, "a refit is running already")
        return JSONResponse(refit.status(), 202)

    @app.get("/api/refit", response_model=RefitAnswer, responses=errors())
    def status() -> Response:
        return JSONResponse(refit.status())


def _add_errors(app: FastAPI) -> None:
    def answer(request: Request, status: int, words: str) -> Response:
        path = request.url.path
        is_page = not path.startswith(("/api/", "/thumb/", "/image/", "/static/"))
        if is_page and "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(message_page(status, words), status)
        return JSONResponse({"error": words}, status)

    @app.exception_handler(HTTPException)
    def on_http(request: Request, error: HTTPException) -> Response:
        words = str(error.detail or HTTPStatus(error.status_code).phrase)
        if error.status_code == 404 and words == HTTPStatus.NOT_FOUND.phrase:
            words = "there is nothing at this address"
        return answer(request, error.status_code, words)

    @app.exception_handler(RequestValidationError)
    def on_validation(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        return answer(request, 400, f"`{place or 'body'}`: {first['msg']}")

    @app.exception_handler(LookupError)
    def on_lookup(request: Request, error: LookupError) -> Response:
        if isinstance(error, KeyError | IndexError):
            return answer(request, 500, "the server failed; its output says why")
        return answer(request, 404, str(error))

    @app.exception_handler(NotOwnDecisionError)
    def on_not_own(request: Request, error: NotOwnDecisionError) -> Response:
        return answer(request, 409, str(error))

    @app.exception_handler(InvalidInputError)
    def on_input(request: Request, error: InvalidInputError) -> Response:
        return answer(request, 400, str(error))

    @app.exception_handler(NoisetteError)
    def on_own(request: Request, error: NoisetteError) -> Response:
        return answer(request, 503, str(error))
