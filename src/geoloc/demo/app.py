"""The demo page as a web application around a `Locator`: one page, its files, photos by number, and the answers.

A photo is the plain body of its request, for parsers of forms put larger files on the disk. Nothing of it is logged,
and nobody asks what it is called.
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
from fastapi.telemetry import TelemetryConfig
from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from geoloc import __version__
from geoloc.demo.about import About
from geoloc.demo.answer import answer_of
from geoloc.demo.base import Base
from geoloc.demo.guard import LOCAL, Guard, names_of
from geoloc.demo.line import Line
from geoloc.demo.refused import Refused
from geoloc.demo.thumbnails import Thumbnails
from geoloc.demo.uploads import READS, photo_of, read_limited
from geoloc.errors import InputError

if TYPE_CHECKING:
    from geoloc.locator import Locator

TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
PAGE = ("chart.js", "demo.css", "demo.js", "found.js", "icon.svg")
# FastAPI would hand requests and errors to whatever collects telemetry in the process: none of its business.
SILENT: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


@dataclass(frozen=True)
class Example:
    """A photo to try.

    Attributes:
        path: Of the file.
        row: Of the photo in the database, which is then left out of the search; None: it is none of it.
    """

    path: Path
    row: int | None = None


class Pages:
    """What the application answers, each method one address.

    Args:
        locator: Answers; used by one thread.
        said: What the page tells of it.
        examples: Photos to try.
        most: Bytes of a photo that are taken in.
        line: In front of the locator.
    """

    def __init__(self, locator: Locator, said: About, examples: Sequence[Example], most: int, line: Line) -> None:
        self.locator, self.examples, self.most, self.line = locator, examples, most, line
        self.base = Base(locator.index.xy)
        self.photos = Thumbnails([Path(path) for path in locator.index.paths])
        self.tries = Thumbnails([example.path for example in examples])
        self.files = _files()
        self.page = _page(said, len(examples), most)
        drawn = self.base.drawn(locator.index.frame.coordinates != "local")
        self.drawn = json.dumps(drawn, separators=(",", ":"))

    def show(self) -> Response:
        """The page."""
        return Response(self.page, media_type="text/html")

    def file(self, name: str) -> Response:
        """A file of the page."""
        if name not in self.files:
            raise HTTPException(404)
        return Response(self.files[name], media_type=TYPES[Path(name).suffix])

    def map(self) -> Response:
        """The database as the map shows it."""
        return Response(self.drawn, media_type="application/json")

    def photo(self, row: int, size: Literal["small", "large"] = "small") -> Response:
        """A photo of the database."""
        return _picture(self.photos.jpeg(row, size))

    def example(self, number: int, size: Literal["small", "large"] = "small") -> Response:
        """A photo to try."""
        return _picture(self.tries.jpeg(number, size))

    async def locate(self, request: Request) -> dict[str, Any]:
        """The answer to a photo that is sent."""

        async def take_in() -> bytes:
            return await read_limited(request.headers, request.stream(), self.most)

        return await self.line.do(take_in, lambda data: self._answer(np.asarray(photo_of(data)), None))

    async def try_out(self, number: int) -> dict[str, Any]:
        """The answer to an example."""
        if not 0 <= number < len(self.examples):
            raise Refused(404, f"there is no example {number}")

        async def take_in() -> Example:
            return self.examples[number]

        return await self.line.do(take_in, lambda example: self._answer(example.path, example.row))

    def _answer(self, photo: np.ndarray | Path, own: int | None) -> dict[str, Any]:
        """In the thread of the network."""
        start = time.perf_counter()
        try:
            answers = self.locator.locate(photo, without=None if own is None else [own])
        except InputError:
            raise Refused(404, "this photo is gone, or cannot be read any more") from None
        return answer_of(self.locator, answers, self.base, time.perf_counter() - start, own)


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
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, telemetry=SILENT)
    app.add_middleware(Guard, names=names_of(host), addresses=host not in LOCAL)
    for kind, said_of in ERRORS.items():
        app.add_exception_handler(kind, said_of)
    pages = Pages(locator, said, examples, most, line or Line())
    app.add_api_route("/", pages.show)
    app.add_api_route("/static/{name}", pages.file)
    app.add_api_route("/api/map", pages.map)
    app.add_api_route("/api/photo/{row}", pages.photo)
    app.add_api_route("/api/example/{number}", pages.example)
    app.add_api_route("/api/locate", pages.locate, methods=["POST"])
    app.add_api_route("/api/example/{number}", pages.try_out, methods=["POST"])
    return app


def _picture(jpeg: bytes) -> Response:
    return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})


def _files() -> dict[str, bytes]:
    """The files of the page, by name; the map's view is that of the reports."""
    own = {name: files("geoloc.demo").joinpath("page", name).read_bytes() for name in PAGE}
    return {**own, "view.js": files("geoloc.report").joinpath("templates", "view.js").read_bytes()}


def _page(said: About, examples: int, most: int) -> str:
    environment = Environment(loader=PackageLoader("geoloc.demo", "page"), autoescape=select_autoescape())
    return environment.get_template("index.html").render(
        about=said, examples=examples, most=most, megabytes=f"{most / 1e6:g}", reads=READS, version=__version__
    )


async def _refused(_: Request, error: Any) -> Response:
    headers = {"retry-after": str(error.after)} if error.after else {}
    # The rest of an upload that was not read would be taken for the next request.
    return JSONResponse({"error": error.why}, error.status, headers | {"connection": "close"})


async def _unknown(_: Request, error: Any) -> Response:
    return JSONResponse({"error": str(error.detail).lower()}, error.status_code, error.headers)


async def _invalid(_: Request, error: Any) -> Response:
    first = error.errors()[0]
    return JSONResponse({"error": f"{first['loc'][-1]}: {first['msg'].lower()}"}, 422)


async def _gone(_: Request, error: Any) -> Response:
    return Response(status_code=400)  # nobody is there to read it


# All errors are {"error": one sentence}.
ERRORS = {
    Refused: _refused,
    HTTPException: _unknown,
    RequestValidationError: _invalid,
    ClientDisconnect: _gone,
}
