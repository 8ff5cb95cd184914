"""A released network of others, whole, from a repository with a hubconf.py (torch.hub).

The network gives the descriptor itself, so its map is a single cell of as many channels as the descriptor has values,
which `SPoC`, the mean over all cells, hands on as it is. Running it runs the repository's code on this machine.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from geoloc.backbones.backbone import Backbone
from geoloc.backbones.hub_code import Repository, digest_of
from geoloc.errors import InputError
from geoloc.features import Features

log = logging.getLogger(__name__)


class Hub(Backbone):
    """A network that a repository's hubconf.py gives, with its weights.

    Args:
        repository: "owner/name" on GitHub.
        entry: Function of hubconf.py.
        dim: Values of the descriptor.
        ref: Commit, tag or branch.
        source: Folder of a clone, which is taken instead of the repository, whatever its commit; then code needs no
            network.
        arguments: Of the entry.
        output: Which part of what the network gives is the descriptor: the number of a tuple's part or the key of a
            dict's; None: all of it.
        mean: Of the images that the network expects, a channel, for values from 0 to 1.
        std: Likewise. 0 and 1 for a network that brings images to mean and deviation by itself.
        multiple: Height and width of the images must be multiples of it.
        files: Addresses of the weights that the entry downloads.
        also: Repositories whose code the entry loads besides, as "owner/name".
        licence: What code and weights may be used for, by part, such as {"code": "MIT"}.
        load: False if a checkpoint replaces the weights: then nothing is downloaded, and only code is run that is on
            this machine already (see `Repository.at_hand`).

    Raises:
        InputError: The network cannot be had, or is none; says what to do.
    """

    stride = 1
    whole = True
    code: torch.Tensor

    def __init__(
        self,
        repository: str,
        entry: str,
        dim: int,
        ref: str = "main",
        source: str | None = None,
        arguments: Mapping[str, Any] | None = None,
        output: int | str | None = None,
        mean: Sequence[float] = Backbone.mean,
        std: Sequence[float] = Backbone.std,
        multiple: int = 1,
        files: Sequence[str] = (),
        also: Sequence[str] = (),
        licence: Mapping[str, str] | None = None,
        load: bool = True,
    ) -> None:
        super().__init__()
        origin = Repository(repository, ref, None if source is None else Path(source))
        self.mean, self.std = tuple(mean), tuple(std)
        self.out_channels, self.multiple, self.output = dim, multiple, output
        self.called = f"hub: {entry} of {origin.where}"
        if load:
            origin.announce(files, also, licence or {})
            folder = origin.fetch()
        else:
            folder = origin.at_hand(also)
        body = origin.call(folder, entry, dict(arguments or {}), weights=load)
        if not isinstance(body, nn.Module):
            raise InputError(f"{self.called}: gives an object of {type(body).__name__}, and no network")
        self.body = body
        # A buffer, so that the network's digest tells code from other code, and a saved network from today's code.
        self.register_buffer("code", torch.frombuffer(bytearray(digest_of(folder)), dtype=torch.uint8))

    def check_size(self, height: int, width: int) -> None:
        """See `Backbone.check_size`."""
        check_multiple(self.multiple, height, width)

    def forward(self, images: torch.Tensor) -> Features:
        """(B, 3, H, W) normalised images -> map (B, D, 1, 1)."""
        return Features(self._descriptors(self.body(images), images.shape[0])[:, :, None, None])

    def _descriptors(self, found: Any, count: int) -> torch.Tensor:
        """(count, D) descriptors from what the network gives.

        Raises:
            InputError: They are not there.
        """
        if self.output is not None:
            try:
                found = found[self.output]
            except (KeyError, IndexError, TypeError):
                raise InputError(f"{self.called}: gives {_named(found)}, without a part {self.output!r}") from None
        if not isinstance(found, torch.Tensor):
            raise InputError(
                f"{self.called}: gives {_named(found)}, and no tensor; hub.output says which part is the descriptor"
            )
        if found.shape != (count, self.out_channels):
            raise InputError(
                f"{self.called}: gives {tuple(found.shape)} for {count} images, where ({count}, {self.out_channels}) is"
                f" expected; a descriptor of another length is told by hub.dim"
            )
        return found

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        """Take saved weights, but keep the digest of the code that is going to run."""
        saved = state_dict.get(f"{prefix}code")
        if saved is not None and not torch.equal(saved.cpu(), self.code.cpu()):
            log.warning("%s: its code has changed since this network was saved; it may describe otherwise", self.called)
            state_dict = {**state_dict, f"{prefix}code": self.code}
        super()._load_from_state_dict(state_dict, prefix, *others)


def check_multiple(multiple: int, height: int, width: int) -> None:
    """Make sure that both sides are multiples of a number of pixels.

    Raises:
        InputError: Names the nearest size that is.
    """
    nearest = [max(1, round(size / multiple)) * multiple for size in (height, width)]
    if nearest != [height, width]:
        raise InputError(
            f"image_size: this network takes multiples of {multiple} pixels, not [{height},{width}]; the nearest is"
            f" [{nearest[0]},{nearest[1]}]"
        )


def _named(found: Any) -> str:
    """What an object of a network is, for messages."""
    if isinstance(found, torch.Tensor):
        return f"a tensor {tuple(found.shape)}"
    if isinstance(found, Mapping):
        return f"a dict of {', '.join(map(str, found))}"
    return f"a {type(found).__name__} of {len(found)}" if isinstance(found, (tuple, list)) else type(found).__name__
