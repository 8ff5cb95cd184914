"""How code of others is run: apart from modules of the same names, without its chatter, and without its weights."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
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


@contextmanager
def weightless() -> Iterator[None]:
    """Let an entry build its network, and neither download nor read weights.

    What it would load by torch.hub (as torchvision does), or from Hugging Face as safetensors, is not read, and layers
    do not take it. Functions are replaced below those that modules import by name, or do nothing once this is over: a
    repository's modules stay imported.
    """
    loads, reads = nn.Module.load_state_dict, torch.load
    unread, downloaded, going = Unread(), set[str](), True

    def download(address: str, place: Any, *args: Any, **options: Any) -> None:
        downloaded.add(str(place))

    def load(file: Any, *args: Any, **options: Any) -> Any:
        place = str(file) if isinstance(file, str | os.PathLike) else ""
        kept = place and Path(place).is_relative_to(torch.hub.get_dir())
        return unread if going and (kept or place in downloaded) else reads(file, *args, **options)

    def load_state_dict(module: nn.Module, state: Any, *args: Any, **options: Any) -> Any:
        if isinstance(state, Unread):
            return nn.modules.module._IncompatibleKeys([], [])
        return loads(module, state, *args, **options)

    patches: list[Any] = [
        patch("torch.hub.download_url_to_file", download),
        patch("torch.load", load),
        patch.object(nn.Module, "load_state_dict", load_state_dict),
    ]
    try:
        import huggingface_hub
        import safetensors.torch

        fetches, opens = huggingface_hub.hf_hub_download, safetensors.torch.load_file
        nowhere = "weights that are not read"

        def fetch(*args: Any, **options: Any) -> Any:
            return nowhere if going else fetches(*args, **options)

        def open_file(path: Any, *args: Any, **options: Any) -> Any:
            return unread if going and path == nowhere else opens(path, *args, **options)

        patches += [patch("huggingface_hub.hf_hub_download", fetch), patch("safetensors.torch.load_file", open_file)]
    except ImportError:  # then the entry cannot have them either
        pass
    for each in patches:
        each.start()
    try:
        yield
    finally:
        going = False
        for each in reversed(patches):
            each.stop()
