"""What must agree between an index and what is added to it or searched in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from geoloc.errors import InputError
from geoloc.extraction.describer import UNASKED
from geoloc.net import DescriptorNet
from geoloc.place_index.contents import Contents
from geoloc.place_index.segment import Segment
from geoloc.places import PlaceSet

SHOWN = 3  # ids that a message names


def shown_by(net: DescriptorNet) -> dict[str, Any]:
    """How a network looks at images, besides what its digest says (image size, whitening, unit length)."""
    return {"multiscale": None if net.multiscale is None else repr(net.multiscale)}


def check_network(contents: Contents, net: DescriptorNet) -> None:
    """Refuse a network whose descriptors cannot be compared with those of an index.

    Raises:
        InputError: It is another one, or looks at images in another way.
    """
    digest = net.digest()
    if digest != contents.model:
        raise InputError(
            f"{contents.where}: holds descriptors of another network (model {contents.model}; this one is {digest});"
            " load the one it was built with, or build an index anew"
        )
    if shown_by(net) != dict(contents.shown):
        raise InputError(
            f"{contents.where}: its photos were described with multiscale {contents.shown['multiscale']}, and this"
            f" network has {shown_by(net)['multiscale']}; use the same (net.multiscale)"
        )


def check_frame(contents: Contents, places: PlaceSet) -> None:
    """Refuse positions that cannot be put beside those of an index.

    Raises:
        InputError: One is in a local frame and the other is not, or they are in the frame of several zones.
    """
    if places.coordinates == "earth":
        raise InputError(
            f"{places.root}: its positions are in the frame of several UTM zones; give the folder of the photos, or a"
            " PlaceSet with positions in their own zones"
        )
    if len(contents) and places.coordinates != contents.coordinates:
        words = {"utm": "places on the earth", "local": "in a local frame (coordinates=local)"}
        raise InputError(
            f"{places.root}: its positions are {words[places.coordinates]}, and those of {contents.where} are"
            f" {words[contents.coordinates]}; give both in the same way"
        )


def check_precision(segments: Sequence[Segment], facts: Mapping[str, Any], where: object) -> None:
    """Refuse descriptors of another precision, unless both hardly differ from those of the network itself.

    Raises:
        InputError: Says which precision the index has.
    """
    for segment in segments:
        lowest = min(facts["lowest_cosine"], segment.facts["lowest_cosine"])
        if facts["precision"] != segment.facts["precision"] and lowest < UNASKED:
            raise InputError(
                f"{where}: has descriptors computed in {segment.facts['precision']}, and these are computed in"
                f" {facts['precision']}; the cosine to the network's own is {lowest:.6f} of one of them, and"
                f" {UNASKED:g} is needed to mix them; use precision={segment.facts['precision']}"
            )


def examples(ids: Sequence[str]) -> str:
    """'a.jpg, b.jpg, c.jpg and 7 more'."""
    rest = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return ", ".join(ids[:SHOWN]) + rest


def as_descriptors(queries: object) -> np.ndarray | None:
    """(Q, D) float32 of descriptors as an array or a tensor; None of all else, which may be photos.

    Raises:
        InputError: Floats of another shape.
    """
    if isinstance(queries, torch.Tensor):
        queries = queries.detach().float().cpu().numpy() if queries.is_floating_point() else queries.cpu().numpy()
    if not (isinstance(queries, np.ndarray) and queries.dtype.kind == "f"):
        return None
    if queries.ndim != 2:
        raise InputError(f"search: descriptors are (Q, D) floats, and photos hold uint8; not {queries.shape} floats")
    return queries.astype(np.float32, copy=False)
