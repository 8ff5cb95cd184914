"""The describer: takes a network as training leaves it, and describes images by the fastest way that agrees with it."""

from __future__ import annotations

import logging
from itertools import product
from typing import Any

import torch

from geoloc.extraction.compiling import Shapes
from geoloc.extraction.fast import lowest_cosine, twin
from geoloc.extraction.folding import give_memory_back
from geoloc.extraction.precision import Precision, tf32, ways_from
from geoloc.modes import full_precision
from geoloc.net import DescriptorNet

log = logging.getLogger(__name__)
# Cosine to the descriptor of the network itself that each precision must reach; what does not is not used.
LEAST = {"float32": 0.999999, "tf32": 0.9995, "bfloat16": 0.9995}
UNASKED = 0.99999  # the same of "auto", which must not move a recall by more than rounding does
TRIED = 4  # images of the first batch that both ways describe


class Describer:
    """Describes batches of images; nothing is learned from them. The trainer's mixed precision is for training alone.

    Args:
        precision: See `Precision`.

    Attributes:
        way: The precision that is used; empty before the first batch.
        agreement: Lowest cosine of the tried images to the network's own descriptors; 1 for "exact".
        compiled: Whether the backbone is compiled.
    """

    def __init__(self, precision: Precision = "auto") -> None:
        self.precision = precision
        self.way: str = ""
        self.agreement = 1.0
        self.compiled = False
        self.net: DescriptorNet | None = None
        self.twin: DescriptorNet | None = None
        self.shapes: Shapes | None = None
        self.warned: set[tuple[str, bool]] = set()

    def take(self, net: DescriptorNet, shapes: Shapes | None = None) -> None:
        """Use the weights that a network has now; to be called again whenever they have changed.

        Args:
            net: The network.
            shapes: What its backbone is compiled for; None: it is not.
        """
        if self.twin is not None and self.twin is not self.net:
            give_memory_back(self.twin.backbone)
        self.net, self.twin, self.shapes = net, None, shapes

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) uint8 images -> (B, D) float32 descriptors."""
        assert self.net is not None, "take a network first"
        with full_precision(images), tf32(False):
            if self.twin is None:
                self.twin = self._chosen(self.net, images[:TRIED])
            self.twin.multiscale = self.net.multiscale
            return self.twin(images)

    def facts(self) -> dict[str, Any]:
        """Plain values for results.json."""
        found = {"precision": self.way, "lowest_cosine": round(self.agreement, 7)}
        return found | {"compiled": True} if self.compiled else found

    def _chosen(self, net: DescriptorNet, images: torch.Tensor) -> DescriptorNet:
        """The fastest twin that agrees with the network on these images; the network itself if there is none."""
        own = net(images)
        if not own.isfinite().all():  # training has diverged; that is for others to say
            return net
        ways = ways_from(self.precision, images.device)
        if self.precision == "tf32" and "tf32" not in ways:
            self._warn(
                "tf32", None, f"is not possible on this device ({images.device.type}); GPUs since Ampere have it"
            )
        for way, shapes in product(ways, dict.fromkeys([self.shapes, None])):
            try:
                found = twin(net, way, shapes)
                cosine = lowest_cosine(found(images), own)
            except Exception as error:  # what a foreign backbone raises that does not know this, or a missing compiler
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                self._warn(way, shapes, f"is not possible for this network ({reason})")
                continue
            least = max(LEAST[way], UNASKED) if self.precision == "auto" else LEAST[way]
            if cosine >= least:
                self._say(way, cosine, shapes is not None)
                return found
            apart = f"(cosine {cosine:.6f}, and {least:g} is asked for)"
            self._warn(way, shapes, f"would change the descriptors of this network {apart}")
            give_memory_back(found.backbone)
        self._say("exact", 1.0, False)
        return net

    def _warn(self, way: str, shapes: Shapes | None, why: str) -> None:
        """Once a run, for each epoch of training tries again; what nobody has asked for is no warning."""
        tried = way, shapes is not None
        first = logging.INFO if self.precision == "auto" and shapes is None else logging.WARNING
        level = logging.DEBUG if tried in self.warned else first
        self.warned.add(tried)
        log.log(level, "extraction %s %s", f"compiled in {way}" if shapes else f"in {way}", why)

    def _say(self, way: str, agreement: float, compiled: bool) -> None:
        if (way, compiled) != (self.way, self.compiled):
            how = "by the network as it is, in float32" if way == "exact" else f"in {way}"
            how += ", by a compiled backbone" if compiled else ""
            how += "" if way == "exact" else f"; cosine to the network's own at least {agreement:.6f}"
            log.info("descriptors are computed %s", how)
        self.way, self.agreement, self.compiled = way, agreement, compiled
