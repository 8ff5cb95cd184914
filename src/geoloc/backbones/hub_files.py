"""Files that released networks download: whether they are on this machine, and how large they are elsewhere."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import torch

WAIT = 10.0  # seconds without an answer, after which there is no network
NETWORK = (URLError, OSError)


def cached(address: str) -> Path | None:
    """Where a file of weights lies already, in the cache of torch.hub or of Hugging Face; None if it is in neither."""
    place = Path(torch.hub.get_dir()) / "checkpoints" / address.rpartition("/")[2]
    found = re.fullmatch(r"https://huggingface\.co/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", address)
    if found is None:
        return place if place.is_file() else None
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    path = try_to_load_from_cache(found[1], found[3], revision=found[2])
    return Path(path) if isinstance(path, str) else None


def size(address: str) -> int | None:
    """Bytes of a file elsewhere; None if the server does not say. It is asked for, and not read.

    Raises:
        OSError: No answer (`URLError` is one).
    """
    with urlopen(Request(address, headers={"User-Agent": "geoloc"}), timeout=WAIT) as answer:
        length = answer.headers.get("Content-Length") or ""
    return int(length) if length.isdigit() else None


@contextmanager
def waiting(seconds: float) -> Iterator[None]:
    """Let downloads that say nothing of it give up after so many seconds without an answer."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
