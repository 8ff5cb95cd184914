"""The parts of a network by the names of their classes: its own, and those of packages that the user has imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from geoloc.errors import InputError
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


def make_part(node: Mapping[str, Any], **given: Any) -> Any:
    """Build the network class under `_target_`."""
    arguments = {key: value for key, value in node.items() if not key.startswith("_")}
    return network_class(node["_target_"])(**arguments, **given)
