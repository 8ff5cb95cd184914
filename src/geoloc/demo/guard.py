"""What stands in front of every answer: who may ask, what a browser may do with the answer, and no failure unsaid.

A page on the user's own machine can be reached by every other page in the same browser. So it answers only to its own
names (a foreign name that was pointed at 127.0.0.1 is another), takes photos only from itself, and forbids its own page
to load or send anything elsewhere.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import socket
from typing import Any
from urllib.parse import urlsplit

log = logging.getLogger(__name__)
LOCAL = ("127.0.0.1", "localhost", "::1")
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


def names_of(host: str) -> frozenset[str]:
    """Names under which the page answers: those of this machine alone where it listens to no other.

    Args:
        host: That it listens on.
    """
    if host in LOCAL:
        return frozenset(LOCAL)
    return frozenset({*LOCAL, host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()})


class Guard:
    """An ASGI application around another.

    Args:
        app: The other.
        names: Hosts that it answers to (`names_of`).
        addresses: Whether any IP address will do as well; a foreign page comes under a name.
    """

    def __init__(self, app: Any, names: frozenset[str], addresses: bool) -> None:
        self.app, self.names, self.addresses = app, names, addresses

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer, or refuse to."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def send_guarded(message: dict[str, Any]) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *own]}
            await send(message)

        problem = self._problem(scope)
        if problem:
            await _say(send_guarded, 403, problem)
            return
        try:
            await self.app(scope, receive, send_guarded)
        except Exception as error:
            log.error("the demo page could not answer: %s: %s", type(error).__name__, error)
            log.debug("traceback", exc_info=error)
            if not begun:
                await _say(send_guarded, 500, "something went wrong; the log of the server says what")

    def _problem(self, scope: dict[str, Any]) -> str:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if not self._is_ours(host):
            return "this page does not answer to that name; open it by the address that the server has printed"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return "this page takes requests from itself alone"
        return ""

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        return name in self.names or (self.addresses and _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _say(send: Any, status: int, why: str) -> None:
    """An error as the rest of the page says it."""
    body = json.dumps({"error": why}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})
