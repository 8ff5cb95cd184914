"""A real server around an application."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from geoloc.demo.server import address_of, bind, server_of


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The address of a running server."""
    taken = bind("127.0.0.1", 0)
    taken.listen()  # who comes before the thread is ready waits, and is not turned away
    server = server_of(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]})
    thread.start()
    try:
        yield address_of(taken)
    finally:
        server.should_exit = True
        thread.join(10)
        taken.close()
