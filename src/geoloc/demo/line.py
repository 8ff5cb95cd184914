"""The line in front of the network: one photo at a time, the next ones wait, and more than a few are sent away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from geoloc.demo.refused import Refused

Given = TypeVar("Given")
Made = TypeVar("Made")


class Line:
    """Work that is done by one thread, one piece after the other, while the server goes on answering.

    Args:
        most: Pieces that may be on their way, from the first byte of the photo to the answer.
        patience: Seconds that one waits for its turn and its answer.
    """

    def __init__(self, most: int = 8, patience: float = 60.0) -> None:
        self.most, self.patience = most, patience
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="geoloc-demo")
        self._inside = 0
        self._lock = threading.Lock()

    async def do(self, take_in: Callable[[], Awaitable[Given]], work: Callable[[Given], Made]) -> Made:
        """Take something in, wait for the turn, and work on it.

        Args:
            take_in: Brings what is to be worked on, as from the network; not called while the line is full.
            work: Runs in the one thread.

        Raises:
            Refused: The line is full (503), or it takes too long (504).
        """
        self._enter()
        future: Future[Made] | None = None
        try:
            given = await take_in()
            future = self._thread.submit(work, given)
            return await asyncio.wait_for(asyncio.wrap_future(future), self.patience)
        except TimeoutError:
            raise Refused(504, f"no answer within {self.patience:g} seconds; try again later", after=10) from None
        finally:
            if future is None:
                self._leave()
            else:  # work that nobody waits for any more keeps its place until it is done
                future.add_done_callback(lambda _: self._leave())

    def _enter(self) -> None:
        with self._lock:
            if self._inside >= self.most:
                raise Refused(503, f"{self.most} photos are waiting already; try again in a moment", after=3)
            self._inside += 1

    def _leave(self) -> None:
        with self._lock:
            self._inside -= 1

    def close(self) -> None:
        """Let go of what has not begun."""
        self._thread.shutdown(wait=False, cancel_futures=True)
