"""The demo page as a web application around a `Locator`: one page, its files, photos by number, and the answers.

A photo is the plain body of its request: a form would be kept in a file by the server's libraries. Nothing of it is
logged, and what the client says it is called is never asked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from geoloc import __version__
from geoloc.demo.about import About
from geoloc.demo.answer import answer_of
from geoloc.demo.base import Base
from geoloc.demo.guard import Guard, names_of
from geoloc.demo.line import Line
from geoloc.demo.refused import Refused
from geoloc.demo.thumbnails import Thumbnails
from geoloc.demo.uploads import READS, photo_of, read_limited

if TYPE_CHECKING:
    from geoloc.locator import Locator

TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
PAGE = ("chart.js", "demo.css", "demo.js", "found.js", "icon.svg")
# FastAPI hands requests and errors to whatever collects telemetry in the process; photos of people are no business of it.
SILENT = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}


@dataclass(frozen=True)
class Example:
    """A photo to try.

    Attributes:
        path: Of the file.
        row: Of the photo in the database, which is then left out of the search; None: it is none of it.
    """

    path: Path
    row: int | None = None


def make_app(
    locator: Locator,
    said: About,
    examples: Sequence[Example] = (),
    *,
    most: int = 20_000_000,
    host: str = "127.0.0.1",
    line: Line | None = None,
) -> FastAPI:
    """Make the application.

    Args:
        locator: Answers; used by one thread.
        said: What the page tells of it.
        examples: Photos to try.
        most: Bytes of a photo that are taken in.
        host: That the server listens on.
        line: In front of the locator; None: one of the usual length.
    """
    base = Base(locator.index.xy)
    photos, tries = Thumbnails([*locator.index.paths]), Thumbnails([example.path for example in examples])
    line = line or Line()
    static, page = _static(), _page(locator, said, len(examples), most)
    drawn = json.dumps(base.drawn(locator.index.frame.coordinates != "local"), separators=(",", ":")).encode()
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, telemetry=SILENT)
    local = names_of(host)
    app.add_middleware(Guard, names=local, addresses=host not in local or local != names_of("localhost"))
    _say_errors(app)

    @app.get("/")
    def show() -> Response:
        return Response(page, media_type="text/html")

    @app.get("/static/{name}")
    def file(name: str) -> Response:
        if name not in static:
            raise HTTPException(404)
        return Response(static[name], media_type=TYPES[Path(name).suffix])

    @app.get("/api/map")
    def chart() -> Response:
        return Response(drawn, media_type="application/json")

    @app.get("/api/photo/{row}")
    def photo(row: int, size: Literal["small", "large"] = "small") -> Response:
        return _picture(photos.jpeg(row, size))

    @app.get("/api/example/{number}")
    def example(number: int, size: Literal["small", "large"] = "small") -> Response:
        return _picture(tries.jpeg(number, size))

    @app.post("/api/locate")
    async def locate(request: Request) -> dict[str, Any]:
        async def take_in() -> bytes:
            return await read_limited(request.headers, request.stream(), most)

        return await line.do(take_in, lambda data: _located(locator, base, np.asarray(photo_of(data)), None))

    @app.post("/api/example/{number}")
    async def try_out(number: int) -> dict[str, Any]:
        if not 0 <= number < len(examples):
            raise Refused(404, f"there is no example {number}")

        async def take_in() -> Example:
            return examples[number]

        return await line.do(take_in, lambda each: _located(locator, base, each.path, each.row))

    return app


def _located(locator: Locator, base: Base, photo: Any, own: int | None) -> dict[str, Any]:
    """In the thread of the network."""
    start = time.perf_counter()
    answers = locator.locate(photo, without=None if own is None else [own])
    return answer_of(locator, answers, base, time.perf_counter() - start, own)


def _picture(jpeg: bytes) -> Response:
    return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})


def _static() -> dict[str, bytes]:
    """The files of the page, by name; the map's view is that of the reports."""
    own = {name: files("geoloc.demo").joinpath("page", name).read_bytes() for name in PAGE}
    return {**own, "view.js": files("geoloc.report").joinpath("templates", "view.js").read_bytes()}


def _page(locator: Locator, said: About, examples: int, most: int) -> str:
    environment = Environment(loader=PackageLoader("geoloc.demo", "page"), autoescape=select_autoescape())
    return environment.get_template("index.html").render(
        about=said, examples=examples, most=most, megabytes=f"{most / 1e6:g}", reads=READS, version=__version__
    )


def _say_errors(app: FastAPI) -> None:
    """All errors are {"error": one sentence}."""

    async def refused(_: Request, error: Any) -> Response:
        headers = {"retry-after": str(error.after)} if error.after else {}
        # The rest of an upload that was not read would be taken for the next request.
        return JSONResponse({"error": error.why}, error.status, headers | {"connection": "close"})

    async def unknown(_: Request, error: Any) -> Response:
        return JSONResponse({"error": f"{error.detail}".lower()}, error.status_code, error.headers)

    async def invalid(_: Request, error: Any) -> Response:
        first = error.errors()[0]
        return JSONResponse({"error": f"{first['loc'][-1]}: {first['msg'].lower()}"}, 422)

    async def gone(_: Request, error: Any) -> Response:
        return Response(status_code=400)  # nobody is there to read it

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(ClientDisconnect, gone)
