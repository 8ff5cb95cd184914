"""DescriptorNet: backbone -> block -> aggregator -> head -> whitening. Plain torch; a robot can import it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from shutil import copymode
from typing import Any

import torch
import torch.nn.functional as F
import yaml
from safetensors.torch import load_file, save_file
from torch import nn

from geoloc.backbones.weights import load_exactly
from geoloc.data.pixels import Photo, batches_of, photos_of
from geoloc.digests import digest_of
from geoloc.errors import InputError
from geoloc.modes import eval_mode, full_precision
from geoloc.multiscale.scaling import MultiScale
from geoloc.parts import check_images, check_parts, has_part, make_aggregator, make_part

FORMAT = 1
# The parts of a network's spec; the first and the third are always there.
PARTS = ("backbone", "block", "aggregator", "head", "whitening")
WEIGHTS_FILE, SPEC_FILE = "model.safetensors", "model.yaml"


class DescriptorNet(nn.Module):
    """A network that describes images by vectors of unit length.

    Args:
        backbone: Maps (B, 3, H, W) normalised images to `Features`; see `Backbone`.
        aggregator: Maps `Features` to (B, d); has `out_dim`, and `needs_cls` if it needs a class token.
        image_size: (height, width) that the network is trained and tested at.
        block: Maps `Features` to `Features` before the aggregator; None for none.
        head: Maps (B, d) to (B, out_dim); None for none.
        unit_length: False leaves descriptors as long as they come, as the CVPR 2022 benchmark does.

    Attributes:
        whitening: Applied to every descriptor once it is fitted, and None before.
        multiscale: Describes images at several scales while a test goes on (`at_scales`); else None, and never saved.
        out_dim: D.
        spec: Plain values from which `from_spec` builds the same architecture.
        calibration: Plain facts of `locate.Calibration` that came with the network; None for none.

    Raises:
        InputError: The parts or the image size do not go together; says what would.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        backbone: nn.Module,
        aggregator: nn.Module,
        image_size: tuple[int, int],
        block: nn.Module | None = None,
        head: nn.Module | None = None,
        unit_length: bool = True,
    ) -> None:
        super().__init__()
        check_parts(backbone, block, aggregator)
        self.backbone = backbone
        self.block = block
        self.aggregator = aggregator
        self.head = head
        self.whitening: nn.Module | None = None
        self.multiscale: MultiScale | None = None
        self.image_size = image_size
        self.unit_length = unit_length
        self.out_dim: int = (head or aggregator).out_dim  # type: ignore[assignment]
        self.spec: dict[str, Any] = {}
        self.calibration: dict[str, Any] | None = None
        for name in ("mean", "std"):
            values = 255 * torch.tensor(getattr(backbone, name)).view(1, 3, 1, 1)
            self.register_buffer(name, values, persistent=False)
        self.check_size(*image_size)

    def check_size(self, height: int, width: int) -> None:
        """Make sure that images of this size in pixels can be described.

        Raises:
            InputError: Says which sizes can.
        """
        check_images(self.backbone, height, width)
        if getattr(self.aggregator, "one_size", False) and (height, width) != self.image_size:
            size = "{},{}".format(*self.image_size)
            raise InputError(f"image_size: {type(self.aggregator).__name__} was built for images of [{size}] alone")

    def features(self, images: torch.Tensor) -> Any:
        """`Features` of (B, 3, H, W) uint8 images, as the aggregator gets them.

        Raises:
            ValueError: Images of another shape or type, such as floats from 0 to 1.
        """
        return self._features(_as_float(images))

    def _features(self, images: torch.Tensor) -> Any:
        """The same of float32 images of values from 0 to 255."""
        features = self.backbone((images - self.mean).div_(self.std))  # the caller's images stay as they are
        return features if self.block is None else self.block(features)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) uint8 RGB images -> (B, D) float32 descriptors of unit length."""
        pixels, scales = _as_float(images), self.multiscale
        return self.whitened(self._one_scale(pixels) if scales is None else scales(self._one_scale, pixels))

    def _one_scale(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) float32 images of values from 0 to 255 -> (B, d) descriptors before whitening."""
        return self.projected(self.aggregator(self._features(images)))

    def projected(self, x: torch.Tensor) -> torch.Tensor:
        """What the aggregator gives, (B, d') -> (B, d) descriptors before whitening."""
        x = x if self.head is None else self.head(x)
        # The one normalisation that everything downstream relies on; in float32 also under autocast.
        return self._unit(x.float())

    def whitened(self, x: torch.Tensor) -> torch.Tensor:
        """Descriptors before whitening, (B, d) -> (B, D) descriptors."""
        if self.whitening is None:
            return x
        with full_precision(x):
            return self._unit(self.whitening(x))

    def _unit(self, x: torch.Tensor) -> torch.Tensor:
        return F.normalize(x, dim=1) if self.unit_length or self.head is not None else x

    def add_whitening(self, node: Mapping[str, Any]) -> nn.Module:
        """Append the whitening of a spec's node; it is returned and has still to be fitted or loaded."""
        self.whitening = make_part(node, in_dim=self.out_dim)
        self.out_dim = self.whitening.out_dim  # type: ignore[assignment]
        self.spec["whitening"] = dict(node)
        return self.whitening

    def describe(self, images: torch.Tensor | Photo | Iterable[Photo]) -> torch.Tensor:
        """`forward` in eval mode and without gradients; the mode of every module is put back.

        Args:
            images: (B, 3, H, W) uint8, described as they are; or photos of any sizes, which are read upright and
                resized to `image_size`: a path, a PIL image, an (H, W, 3) uint8 RGB array, or several of them.

        Returns:
            (B, D) float32 descriptors of unit length, where the network is.

        Raises:
            InputError: A photo cannot be read, or is none.
            ValueError: A tensor of another shape or type, such as floats from 0 to 1.
        """
        with eval_mode(self), torch.inference_mode():
            if isinstance(images, torch.Tensor):
                return self(images)
            batches = batches_of(photos_of(images), self.image_size)
            found = [self(batch.to(self.mean.device)) for batch in batches]
            return torch.cat(found) if found else torch.empty(0, self.out_dim, device=self.mean.device)

    def drop_whitening(self) -> None:
        """Take the whitening away, as before training goes on."""
        if self.whitening is not None:
            self.whitening = None
            self.out_dim = (self.head or self.aggregator).out_dim  # type: ignore[assignment]
            del self.spec["whitening"]

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], load: bool = True) -> DescriptorNet:
        """Build a network from plain values.

        Args:
            spec: `backbone` and `aggregator`, each a mapping with the class under `_target_` and its arguments,
                `image_size`, and, where there are any, `block`, `head`, `whitening` and `unit_length`.
            load: False if a checkpoint replaces the weights anyway; then pretrained weights are not read.
        """
        backbone = make_part(spec["backbone"], load=load)
        aggregator = make_aggregator(spec["aggregator"], backbone, spec["image_size"])
        start = getattr(backbone, "of_aggregator", {})
        if start and start.keys() == aggregator.state_dict().keys():  # as of cct384 with seqpool
            aggregator.load_state_dict(start)
        block = make_part(spec["block"], in_channels=backbone.out_channels) if has_part(spec, "block") else None
        head = make_part(spec["head"], in_dim=aggregator.out_dim) if has_part(spec, "head") else None
        net = cls(backbone, aggregator, tuple(spec["image_size"]), block, head, spec.get("unit_length", True))
        net.spec = {part: dict(spec[part]) for part in PARTS if part != "whitening" and has_part(spec, part)}
        net.spec |= {"image_size": list(net.image_size), "unit_length": net.unit_length}
        # `auto` depends on the start weights, which a loaded network no longer has: keep what it came to.
        if hasattr(backbone, "freeze"):
            net.spec["backbone"]["freeze"] = backbone.freeze
        if has_part(spec, "whitening"):
            net.add_whitening(spec["whitening"])
        return net

    def digest(self) -> str:
        """Hash of architecture and weights: networks of equal digest describe images alike."""
        idle = ("weights", "freeze", "freeze_te", "source", "licence", "files", "also")  # changes no descriptor
        parts = [{k: v for k, v in self.spec.get(part, {}).items() if k not in idle} for part in PARTS]
        return digest_of([parts, self.image_size, self.unit_length], self.state_dict())

    def save(self, folder: str | Path, about: Mapping[str, Any] | None = None) -> None:
        """Write `model.safetensors` and `model.yaml`, which `load` reads.

        Args:
            folder: Existing folder.
            about: Plain values that say where the network comes from (versions, recalls).
        """
        folder = Path(folder)
        save_file({name: value.contiguous() for name, value in self.state_dict().items()}, folder / WEIGHTS_FILE)
        content = {"format": FORMAT, "network": self.spec, "about": dict(about or {})}
        if self.calibration is not None:
            content["calibration"] = self.calibration
        (folder / SPEC_FILE).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        copymode(folder / SPEC_FILE, folder / WEIGHTS_FILE)  # safetensors writes files that nobody else can read

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
        content = _read(folder / SPEC_FILE, lambda path: yaml.safe_load(path.read_text(encoding="utf-8")))
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise InputError(f"{folder / SPEC_FILE}: not of format {FORMAT}, which this version reads")
        net = cls.from_spec(content["network"], load=False)
        load_exactly(net, _read(folder / WEIGHTS_FILE, load_file), str(folder / WEIGHTS_FILE))
        net.calibration = content.get("calibration")
        return net.eval()


def _read(path: Path, read: Callable[[Path], Any]) -> Any:
    """What a file of a network holds."""
    try:
        return read(path)
    except Exception as error:  # both libraries raise their own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{path}: is damaged, or no file of a network ({reason})") from None


def _as_float(images: torch.Tensor) -> torch.Tensor:
    """float32 images of (B, 3, H, W) uint8 ones, and of no others."""
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"images must be (B, 3, H, W) uint8 RGB, not {tuple(images.shape)} {images.dtype}")
    return images.float()
