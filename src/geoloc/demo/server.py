"""Listen, print the address, and end cleanly when asked to."""

from __future__ import annotations

import errno
import logging
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from geoloc.demo.guard import LOCAL
from geoloc.errors import InputError

log = logging.getLogger(__name__)
CONNECTIONS = 100  # at a time; more are answered by 503
FAREWELL = 5  # seconds that open connections get at the end
SILENCE = 30.0  # seconds after which a connection that asks nothing is ended


class Impatient(H11Protocol):
    """HTTP that hangs up on whoever asks nothing.

    uvicorn waits for ever for the first request and for the rest of one that has begun: silent connections, as many as
    are taken at a time, would keep everybody else away.
    """

    def connection_made(self, transport: Any) -> None:
        """Begin to watch."""
        super().connection_made(transport)
        self._last = self.cycle
        self._watch = self.loop.call_later(SILENCE, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Watch no more."""
        self._watch.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        if self.cycle is self._last and (self.cycle is None or self.cycle.response_complete):
            self.transport.abort()  # what is written to somebody who does not read it is not waited for either
            return
        self._last = self.cycle
        self._watch = self.loop.call_later(SILENCE, self._look)


def bind(host: str, port: int) -> socket.socket:
    """Take the port, so that it is known to be free before anything heavy starts.

    Args:
        host: Name or address of this machine.
        port: 0 for any that is free.

    Raises:
        InputError: It is in use, or the machine has no such address.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise InputError(f"demo.host: {host} is no address of this machine; 127.0.0.1 is the usual one") from None
    taken = socket.socket(family, kind, protocol)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just left can be taken again
        taken.bind(address)
    except OSError as error:
        taken.close()
        raise InputError(_why(error, host, port)) from None
    return taken


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"demo.port: {port} is in use by another program; take another, such as demo.port={_next(port)}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"demo.port: {port} may not be taken by this user; take one from 1024 up, such as demo.port=8000"
    return f"demo.host: {host} is no address of this machine ({error.strerror}); 127.0.0.1 is the usual one"


def _next(port: int) -> int:
    return port + 1 if port < 65535 else 8000


def address_of(taken: socket.socket) -> str:
    """What is typed into a browser to get there."""
    host, port = taken.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def server_of(app: Any) -> uvicorn.Server:
    """A server for an application, which says nothing that the run's log does not."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=Impatient,
            log_config=None,  # the run's log is set up
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=FAREWELL,
            ws="none",
            lifespan="off",
        )
    )


def serve(app: Any, taken: socket.socket) -> None:
    """Answer until Ctrl-C or SIGTERM, then return.

    Args:
        app: What `make_app` has made.
        taken: What `bind` has taken.
    """
    if taken.getsockname()[0] not in LOCAL:
        log.warning(
            "the page is open to everybody who can reach this machine (demo.host), without a password: they can send"
            " photos to it and see those of the database; demo.host=127.0.0.1 is for you alone"
        )
    taken.listen()  # whoever follows the address at once waits, and is not turned away
    log.info("the page is at %s (Ctrl-C ends it)", address_of(taken))
    try:
        server_of(app).run(sockets=[taken])
    except KeyboardInterrupt:  # which uvicorn raises again once it has shut down
        log.info("ended")
