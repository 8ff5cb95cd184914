"""How code of others is run: apart from modules of the same names, without its chatter, and without its weights."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

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

    What it would load by torch.hub, or from Hugging Face as safetensors, is not read, and layers do not take it.
    """
    loads = nn.Module.load_state_dict

    def load_state_dict(module: nn.Module, state: Any, *args: Any, **options: Any) -> Any:
        if isinstance(state, Unread):
            return nn.modules.module._IncompatibleKeys([], [])
        return loads(module, state, *args, **options)

    unread = Unread()
    patches: list[Any] = [
        patch("torch.hub.load_state_dict_from_url", lambda *args, **options: unread),
        patch.object(nn.Module, "load_state_dict", load_state_dict),
    ]
    try:
        import huggingface_hub  # noqa: F401
        import safetensors.torch

        reads = safetensors.torch.load_file
        nowhere = "weights that are not read"
        patches.append(patch("huggingface_hub.hf_hub_download", lambda *args, **options: nowhere))
        patches.append(
            patch(
                "safetensors.torch.load_file",
                lambda path, *args, **options: unread if path == nowhere else reads(path, *args, **options),
            )
        )
    except ImportError:  # then the entry cannot have them either
        pass
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in reversed(patches):
            each.stop()
