"""DescriptorNet: images -> backbone -> aggregator -> unit-length descriptors. Plain torch; a robot can import it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import yaml
from safetensors.torch import load_file, save_file
from torch import nn

from geoloc.backbones.weights import load_exactly
from geoloc.errors import InputError
from geoloc.modes import eval_mode

FORMAT = 1
WEIGHTS_FILE, SPEC_FILE = "model.safetensors", "model.yaml"


class DescriptorNet(nn.Module):
    """A network that describes images by unit-length vectors.

    Args:
        backbone: Maps (B, 3, H, W) normalised images to `Features`; has `out_channels`, `mean`, `std`.
        aggregator: Maps `Features` to (B, D); has `out_dim`.
        image_size: (height, width) that the network is trained and tested at.

    Attributes:
        out_dim: D.
        spec: Plain values from which `from_spec` builds the same architecture.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, backbone: nn.Module, aggregator: nn.Module, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.backbone = backbone
        self.aggregator = aggregator
        self.image_size = image_size
        self.out_dim: int = aggregator.out_dim  # type: ignore[assignment]
        self.spec: dict[str, Any] = {}
        for name in ("mean", "std"):
            values = 255 * torch.tensor(getattr(backbone, name)).view(1, 3, 1, 1)
            self.register_buffer(name, values, persistent=False)

    def features(self, images: torch.Tensor) -> Any:
        """`Features` of (B, 3, H, W) uint8 images.

        Raises:
            ValueError: Images of another shape or type, such as floats from 0 to 1.
        """
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"images must be (B, 3, H, W) uint8 RGB, not {tuple(images.shape)} {images.dtype}")
        return self.backbone((images.float() - self.mean) / self.std)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) uint8 RGB images -> (B, D) float32 descriptors of unit length."""
        # The one normalisation that everything downstream relies on; in float32 also under autocast.
        return F.normalize(self.aggregator(self.features(images)).float(), dim=1)

    def describe(self, images: torch.Tensor) -> torch.Tensor:
        """`forward` in eval mode and without gradients; the mode of every module is put back."""
        with eval_mode(self), torch.inference_mode():
            return self(images)

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], load: bool = True) -> DescriptorNet:
        """Build a network from plain values.

        Args:
            spec: `backbone` and `aggregator`, each a mapping with the class under `_target_` and its arguments, and
                `image_size`.
            load: False if a checkpoint replaces the weights anyway; then pretrained weights are not read.
        """
        backbone = _make(spec["backbone"], load=load)
        aggregator = _make(spec["aggregator"], in_channels=backbone.out_channels)
        height, width = spec["image_size"]
        net = cls(backbone, aggregator, (height, width))
        # `auto` depends on the start weights, which a loaded network no longer has: keep what it came to.
        kept = {**spec["backbone"], "freeze": backbone.freeze} if hasattr(backbone, "freeze") else spec["backbone"]
        net.spec = {"backbone": dict(kept), "aggregator": dict(spec["aggregator"]), "image_size": [height, width]}
        return net

    def save(self, folder: str | Path, about: Mapping[str, Any] | None = None) -> None:
        """Write `model.safetensors` and `model.yaml`, which `load` reads.

        Args:
            folder: Existing folder.
            about: Plain values that say where the network comes from (versions, recalls).
        """
        folder = Path(folder)
        save_file({name: value.contiguous() for name, value in self.state_dict().items()}, folder / WEIGHTS_FILE)
        content = {"format": FORMAT, "network": self.spec, "about": dict(about or {})}
        (folder / SPEC_FILE).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> DescriptorNet:
        """Read what `save` has written; the network comes in eval mode.

        Raises:
            InputError: A file is missing, of another format, or does not fit.
        """
        folder = Path(folder)
        for name in (WEIGHTS_FILE, SPEC_FILE):
            if not (folder / name).is_file():
                raise InputError(f"{folder / name}: no such file; a finished run's folder holds it")
        content = yaml.safe_load((folder / SPEC_FILE).read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise InputError(f"{folder / SPEC_FILE}: not of format {FORMAT}, which this version reads")
        net = cls.from_spec(content["network"], load=False)
        load_exactly(net, load_file(folder / WEIGHTS_FILE), str(folder / WEIGHTS_FILE))
        return net.eval()


def _make(node: Mapping[str, Any], **given: Any) -> Any:
    """Build the network class under `_target_`: one of geoloc's own, or of a package that is imported already."""
    arguments = {key: value for key, value in node.items() if not key.startswith("_")}
    module, _, name = node["_target_"].rpartition(".")
    # A model.yaml may come from a stranger: it chooses among network classes, and imports or calls nothing else.
    if not module.startswith("geoloc.") and module not in sys.modules:
        raise InputError(
            f"{node['_target_']}: import {module} yourself before a network that uses it is loaded; on the command line"
            " name its yaml again, such as aggregator=..., with hydra.searchpath"
        )
    made_by = getattr(import_module(module), name, None)
    if not (isinstance(made_by, type) and issubclass(made_by, nn.Module)):
        raise InputError(f"{node['_target_']}: not a network class")
    return made_by(**arguments, **given)
