"""How code of others is run: apart from modules of the same names, without its chatter, and without its weights."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import nn

log = logging.getLogger(__name__)


@contextmanager
def heard() -> Iterator[None]:
    """What is printed goes to the log of details."""
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            yield
    finally:
        for line in filter(None, map(str.strip, said.getvalue().splitlines())):
            log.debug("hub: it says: %s", line)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let a repository import its own modules, though others of such names (models, utils) are imported already.

    Those of this process are put back afterwards; what the repository has imported under other names stays, and so does
    the path for modules, as it was.
    """
    own = {path.stem if path.suffix == ".py" else path.name for path in folder.iterdir()}
    others = {
        name: module
        for name, module in sys.modules.items()
        if name.partition(".")[0] in own and not _lies_in(module, folder)
    }
    paths = list(sys.path)
    for name in others:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] in {o.partition(".")[0] for o in others}]:
            del sys.modules[name]
        sys.modules.update(others)
        sys.path[:] = paths


def _lies_in(module: Any, folder: Path) -> bool:
    places = [getattr(module, "__file__", None), *(getattr(module, "__path__", None) or [])]
    return any(place and Path(place).resolve().is_relative_to(folder.resolve()) for place in places)


class Unread(dict):
    """Stands for weights that are not read; every part of it is one, too."""

    def __missing__(self, key: Any) -> Unread:
        return self


class Reading:
    """How weights are downloaded and read while they are not wanted, and as ever once that is over.

    A repository's modules stay imported, and with them what they have imported by name meanwhile.
    """

    nowhere = "weights that are not read"

    def __init__(self) -> None:
        self.over = False
        self.unread, self.downloaded = Unread(), {self.nowhere}

    def download(self, address: str, place: Any, *args: Any, **options: Any) -> None:
        """Stands for `torch.hub.download_url_to_file`, below what others import by name."""
        self.downloaded.add(str(place))

    def instead_of_reading(self, read: Callable[..., Any]) -> Callable[..., Any]:
        """Of a file that would have been downloaded, or was before: nothing."""

        def instead(file: Any, *args: Any, **options: Any) -> Any:
            known = isinstance(file, str | os.PathLike) and (
                str(file) in self.downloaded or Path(file).is_relative_to(torch.hub.get_dir())
            )
            return self.unread if known and not self.over else read(file, *args, **options)

        return instead

    def instead_of_fetching(self, fetch: Callable[..., Any]) -> Callable[..., Any]:
        """A place that is none."""
        return lambda *args, **options: fetch(*args, **options) if self.over else self.nowhere


def _load_state_dict(module: nn.Module, state: Any, *args: Any, **options: Any) -> Any:
    """Take weights, unless they were not read."""
    if isinstance(state, Unread):
        return nn.modules.module._IncompatibleKeys([], [])
    return _LOADS(module, state, *args, **options)


_LOADS = nn.Module.load_state_dict


@contextmanager
def weightless() -> Iterator[None]:
    """Let an entry build its network, and neither download nor read weights.

    What it would load by torch.hub (as torchvision does), or from Hugging Face as safetensors, is not read, and layers
    do not take it.
    """
    reading = Reading()
    with ExitStack() as around:
        around.callback(setattr, reading, "over", True)
        around.enter_context(patch("torch.hub.download_url_to_file", reading.download))
        around.enter_context(patch("torch.load", reading.instead_of_reading(torch.load)))
        around.enter_context(patch.object(nn.Module, "load_state_dict", _load_state_dict))
        with suppress(ImportError):  # then the entry cannot have them either
            import huggingface_hub
            import safetensors.torch

            fetches = reading.instead_of_fetching(huggingface_hub.hf_hub_download)
            opens = reading.instead_of_reading(safetensors.torch.load_file)
            around.enter_context(patch("huggingface_hub.hf_hub_download", fetches))
            around.enter_context(patch("safetensors.torch.load_file", opens))
        yield
