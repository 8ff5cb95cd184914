"""The parts of a network by the names of their classes: its own, and those of packages that the user has imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from geoloc.errors import InputError
from geoloc.modes import eval_mode
from geoloc.targets import named


def has_part(spec: Mapping[str, Any], part: str) -> bool:
    """Whether a spec has this part; `none` is a node without a class."""
    return bool((spec.get(part) or {}).get("_target_"))


def network_class(target: str) -> type[nn.Module]:
    """The network class of this name: one of geoloc's own, or of a package that is imported already.

    Raises:
        InputError: It is something else.
    """
    try:
        found = named(target, "geoloc.")
    except LookupError as error:
        raise InputError(
            f"{target}: import {error} yourself before a network that uses it is loaded; on the command line"
            " name its yaml again, such as aggregator=..., with hydra.searchpath"
        ) from None
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise InputError(f"{target}: not a network class")
    return found


def check_parts(backbone: nn.Module, block: nn.Module | None, aggregator: nn.Module) -> None:
    """Make sure that the parts of a network go together.

    Raises:
        InputError: Says which would.
    """
    if not getattr(aggregator, "needs_cls", False):
        return
    if not getattr(backbone, "has_cls", False):
        raise InputError(
            f"aggregator: {type(aggregator).__name__} needs a class token, which {type(backbone).__name__} has not;"
            " use backbone=vit, a transformer of backbone=timm, or backbone=cct384 backbone.class_token=true"
        )
    if block is not None:
        raise InputError(
            f"block: has no effect on aggregator={type(aggregator).__name__.lower()}, which takes the class token;"
            " use block=none, or an aggregator that pools the map"
        )


def check_images(backbone: nn.Module, height: int, width: int) -> None:
    """Make sure that a backbone takes images of this size in pixels; one that says nothing takes all.

    Raises:
        InputError: Says which sizes can be taken.
    """
    check = getattr(backbone, "check_size", None)
    if check is not None:
        check(height, width)


def is_of_one_size(node: Mapping[str, Any]) -> bool:
    """Whether the aggregator of a spec's node is built for images of one size."""
    return getattr(network_class(node["_target_"]), "one_size", False)


def make_aggregator(node: Mapping[str, Any], backbone: Any, image_size: Sequence[int]) -> Any:
    """Build the aggregator of a backbone's maps; one of a single size is told which one that is."""
    given: dict[str, Any] = {"in_channels": backbone.out_channels}
    if is_of_one_size(node):
        check_images(backbone, *image_size)
        tensors = chain(backbone.named_parameters(), backbone.named_buffers())
        shapes = {name: torch.empty_like(value, device="meta") for name, value in tensors}  # nothing is computed
        with eval_mode(backbone), torch.no_grad():
            seen = functional_call(backbone, shapes, torch.empty(1, 3, *image_size, device="meta"))
        given["cells"] = tuple(seen.map.shape[2:])
    return make_part(node, **given)


def make_part(node: Mapping[str, Any], **given: Any) -> Any:
    """Build the network class under `_target_`."""
    arguments = {key: value for key, value in node.items() if not key.startswith("_")}
    return network_class(node["_target_"])(**arguments, **given)
