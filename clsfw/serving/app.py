"""The paths of the server."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from clsfw.errors import __version__
from clsfw.serving.batching import ModelFailed, Overloaded
from clsfw.serving.gate import GONE, OPEN, Gate, Refused
from clsfw.serving.pages import Page, docs_page, read_page
from clsfw.serving.schema import Explained, Failure, PredictRequest, Score

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from starlette.types import ASGIApp, Receive

    from clsfw.serving.answering import Answer, Answering
    from clsfw.serving.batching import Batcher
    from clsfw.serving.watching import Watch

_FAILURES = {
    400: "the body cannot be read as JSON",
    401: "the bearer token is missing or wrong",
    408: "the body did not come in time",
    413: "the body is too large, or a text is longer than the model reads and must not be cut",
    415: "the body is not said to be JSON",
    422: "the body is not such a request",
    424: "the model failed",
    429: "too many texts wait; ask again after `Retry-After` seconds",
    500: "the server failed",
}


def build_app(answering: Answering, batcher: Batcher, watch: Watch, info: dict[str, Any], token: str | None) -> ASGIApp:
    """Return the whole application."""
    app = FastAPI(
        title="clsfw",
        description="A text classifier over HTTP, served by `clsfw serve`.",
        version=__version__,
        docs_url=None,  # FastAPI's own pages load scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan(batcher),
    )
    # The gate asks for the token; this says so in the OpenAPI document.
    guarded = APIRouter(dependencies=[Security(HTTPBearer(auto_error=False))] if token else [])
    _add_predicting(guarded, answering, batcher)
    _add_telling(guarded, watch, info)
    app.include_router(guarded)
    _add_health(app, batcher)
    openapi = app.openapi()
    parameters = openapi["components"]["schemas"]["Parameters"]["properties"]
    parameters["function_to_apply"]["anyOf"][0] = {"const": _function(answering), "type": "string"}
    app.openapi = lambda: openapi  # type: ignore[method-assign]  # as FastAPI has it extended
    _add_pages(app, openapi)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_unknown)
    app.exception_handler(Refused)(_refused)
    app.exception_handler(Exception)(_broken)
    return Gate(app, token=token, paths=OPEN.union(openapi["paths"]), watch=watch)


def _lifespan(batcher: Batcher) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        batcher.start()
        yield
        await batcher.close()

    return lifespan


def _add_predicting(app: APIRouter, answering: Answering, batcher: Batcher) -> None:
    async def predict(asked: PredictRequest, request: Request) -> Response:
        """Return the classes of each text with their probabilities, the decided ones first, then the likeliest."""
        answers = await _ask(answering, batcher, asked, request.receive, explain=False)
        most = asked.parameters.top_k if asked.parameters else None
        return _json([[{"label": name, "score": score} for name, score in one.scores[:most]] for one in answers])

    async def explain(asked: PredictRequest, request: Request) -> Response:
        """Return what `/predict` returns, and the words that decided."""
        answers = await _ask(answering, batcher, asked, request.receive, explain=True)
        most = asked.parameters.top_k if asked.parameters else None
        return _json([_explained(one)[:most] for one in answers])

    fails: dict[int | str, dict[str, Any]] = {
        code: {"model": Failure, "description": words} for code, words in _FAILURES.items()
    }
    app.post("/predict", response_model=list[list[Score]], responses=fails)(predict)
    app.post("/", response_model=list[list[Score]], include_in_schema=False)(predict)  # where a hub client given a
    # server's address alone sends its texts
    if answering.explains:
        app.post("/explain", response_model=list[list[Explained]], responses=fails)(explain)


def _explained(answer: Answer) -> list[dict[str, Any]]:
    words = dict(zip(answer.chosen, answer.words, strict=True))
    return [{"label": name, "score": score, "words": words.get(name, ())} for name, score in answer.scores]


async def _ask(
    answering: Answering, batcher: Batcher, asked: PredictRequest, receive: Receive, *, explain: bool
) -> Sequence[Answer]:
    """Return an answer for each text.

    Raises:
        Refused: the queue is full, the model failed, or a text is too long; or the client went away.

    """
    own = _function(answering)
    wanted = asked.parameters.function_to_apply if asked.parameters else None
    if wanted not in {None, own}:
        raise Refused(422, f"parameters.function_to_apply: this model's scores are made by {own}", "Validation")
    asking = asyncio.ensure_future(batcher.ask(asked.inputs, explain=explain))
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({asking, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            raise Refused(GONE, "the client went away", "Timeout")
        answers = asking.result()
    except Overloaded as exc:
        words = "too many texts wait already"
        raise Refused(429, words, "Overloaded", {"Retry-After": str(exc.seconds)}) from None
    except ModelFailed:
        raise Refused(424, "the model failed on this request", "Backend") from None
    finally:
        leaving.cancel()
        asking.cancel()
    if asked.truncate is False:
        for number, answer in enumerate(answers):
            if answer.cut:
                raise Refused(413, f"inputs: text {number} is longer than the model reads", "Validation")
    return answers


def _function(answering: Answering) -> str:
    return "sigmoid" if answering.classifier.labels.multi_label else "softmax"


async def _left(receive: Receive) -> None:
    """Return when the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _add_health(app: FastAPI, batcher: Batcher) -> None:
    async def health() -> Response:
        """Report whether requests are answered."""
        if not batcher.alive:
            raise Refused(503, "the server does not answer any more", "Unhealthy")
        return _json({"status": "ok"})

    sick: dict[int | str, dict[str, Any]] = {503: {"model": Failure, "description": "requests are not answered"}}
    app.get("/health", response_model=dict[str, str], responses=sick)(health)


def _add_telling(app: APIRouter, watch: Watch, info: dict[str, Any]) -> None:
    async def about() -> Response:
        """Return what is served: the run, its labels and scores, and the limits of a request."""
        return _json(info)

    async def metrics() -> Response:
        """Return counts and times, for Prometheus."""
        return Response(watch.page(), media_type="text/plain; version=1.0.0; charset=utf-8")

    fails: dict[int | str, dict[str, Any]] = {401: {"model": Failure, "description": _FAILURES[401]}}
    plain = {**fails, 200: {"content": {"text/plain": {}}}}
    app.get("/info", response_model=dict[str, Any], responses=fails)(about)
    app.get("/metrics", response_class=Response, responses=plain)(metrics)


def _add_pages(app: FastAPI, openapi: dict[str, Any]) -> None:
    page, docs = read_page("page.html"), docs_page(openapi)

    def shows(one: Page) -> Callable[[], Any]:
        async def show() -> HTMLResponse:
            return HTMLResponse(one.html, headers={"Content-Security-Policy": one.policy})

        return show

    app.get("/", include_in_schema=False)(shows(page))
    app.get("/docs", include_in_schema=False)(shows(docs))


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(content, ensure_ascii=False), status, headers, "application/json")


async def _invalid(_: Request, exc: Exception) -> Response:
    first = exc.errors()[0] if isinstance(exc, RequestValidationError) else {}
    if first.get("type") == "json_invalid":
        return _json({"error": "the body is not JSON", "error_type": "Validation"}, 400)
    place = ".".join(map(str, first.get("loc", ())[1:]))[:100]
    words = str(first.get("msg", ""))
    return _json({"error": f"{place or 'body'}: {words[:1].lower()}{words[1:]}", "error_type": "Validation"}, 422)


async def _unknown(_: Request, exc: Exception) -> Response:
    if not isinstance(exc, HTTPException):
        raise exc
    kind = "NotFound" if exc.status_code in {404, 405} else "Validation"
    return _json({"error": exc.detail.lower(), "error_type": kind}, exc.status_code, dict(exc.headers or {}))


async def _refused(_: Request, exc: Exception) -> Response:
    if not isinstance(exc, Refused):
        raise exc
    return _json({"error": exc.error, "error_type": exc.kind}, exc.status, exc.headers)


async def _broken(*_: object) -> Response:
    return _json({"error": "the server failed on this request", "error_type": "Backend"}, 500)
