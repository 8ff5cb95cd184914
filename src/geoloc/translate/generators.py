"""Reads a day-to-night generator from a file, whatever kind of file it is.

Four kinds are told apart by their content (ONNX by its name):
- a state dict of the published pix2pix layout (`unet.py`), read without running any code of the file;
- TorchScript and torch.export archives, which are programs: load only what you trust. Archives that carry pickled
  Python objects are refused;
- ONNX, run by onnxruntime on the CPU.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from geoloc.backbones.files import read_state_dict
from geoloc.errors import InputError
from geoloc.translate.unet import Statistics, load_unet

Size = tuple[int, int]
# The deepest generators in use halve their input eight times, so this suits a network that says nothing about itself.
SAFE_MULTIPLE = 2**8


@dataclass(frozen=True)
class Generator:
    """Translates pictures; the same picture always gives the same answer.

    Attributes:
        name: Of its file, for messages.
        run: (B, 3, H, W) float32 in -1..1 -> the same.
        multiple: Height and width must be multiples of it; None if the file does not tell.
        size: (height, width) if the file says that the network takes only this one, else None.
        single: Whether it takes only one picture at a time.
        device: Where pictures must lie.
    """

    name: str
    run: Callable[[torch.Tensor], torch.Tensor]
    multiple: int | None
    size: Size | None = None
    single: bool = False
    device: str = "cpu"

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Translate a batch.

        Args:
            images: (B, 3, H, W) float32 in -1..1.

        Returns:
            (B, 3, H, W) float32 in -1..1, on the CPU.

        Raises:
            InputError: The network takes no such pictures, or its answer is no picture.
        """
        parts = images.split(1) if self.single else [images]
        with torch.no_grad():
            answer = torch.cat([self._answer(part.to(self.device)).float().cpu() for part in parts])
        if answer.shape != images.shape:
            raise InputError(
                f"{self.name}: answers {_shape(images)} with {_shape(answer)}; a generator must keep the shape"
            )
        if not answer.isfinite().all():
            raise InputError(f"{self.name}: answers with numbers that are not finite")
        return answer.clamp(-1, 1)

    def _answer(self, images: torch.Tensor) -> torch.Tensor:
        try:
            answer = self.run(images)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # each runtime raises its own kind
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise InputError(f"{self.name}: takes no pictures of {_shape(images)} ({reason}); name --size") from None
        if not isinstance(answer, torch.Tensor):
            raise InputError(f"{self.name}: answers with {type(answer).__name__}, not with one tensor")
        return answer


def load_generator(path: str | Path, device: str = "cpu", statistics: Statistics = "running") -> Generator:
    """Read a generator, in evaluation mode and without gradients.

    Args:
        path: State dict, TorchScript, torch.export archive, or `.onnx`.
        device: For torch's kinds.
        statistics: For batch normalisation of a state dict, see `UNet`.

    Raises:
        InputError: The file is missing or unreadable, holds another network, or one that answers differently each time
            it is asked.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    check_device(device)
    kind = _kind(path)
    if kind == "state":
        net = load_unet(read_state_dict(path), str(path), statistics).to(device)
        return Generator(str(path), net, net.multiple, device=device)
    if statistics != "running":
        raise InputError(f"{path}: statistics={statistics} can be chosen for state dicts alone, not for {kind}")
    generator = {"TorchScript": _script, "torch.export": _export, "ONNX": _onnx}[kind](path, device)
    _refuse_fickle(generator)
    return generator


def check_device(device: str) -> None:
    """Refuse a device that is not there.

    Raises:
        InputError: Names it.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # of a build without CUDA: AssertionError
        raise InputError(f"device {device}: {str(error).splitlines()[0]}") from None


def _kind(path: Path) -> str:
    if path.suffix.lower() == ".onnx":
        return "ONNX"
    if not zipfile.is_zipfile(path):
        return "state"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith(("archive_format", "serialized_exported_program.json")) for name in names):
        if any(part in name for name in names for part in ("custom_obj_", "opaque_obj_")):
            raise InputError(f"{path}: carries pickled Python objects, which are not read")
        return "torch.export"
    return "TorchScript" if any(name.endswith("/constants.pkl") for name in names) else "state"


def _refuse_fickle(generator: Generator) -> None:
    """Dropout that an export has kept would give each frame another twin every time."""
    size = generator.size or (SAFE_MULTIPLE, SAFE_MULTIPLE)
    probe = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    try:
        steady = torch.allclose(generator(probe), generator(probe), atol=0.01)
    except InputError:
        return  # it may still take the size of the frames
    if not steady:
        raise InputError(f"{generator.name}: answers differently each time; export it in evaluation mode (dropout off)")


def _script(path: Path, device: str) -> Generator:
    try:
        net = torch.jit.load(path, map_location=device).eval()
    except RuntimeError as error:
        raise InputError(f"{path}: cannot be read as TorchScript ({str(error).splitlines()[0]})") from None
    return Generator(str(path), net, multiple=None, device=device)


def _export(path: Path, device: str) -> Generator:
    try:
        program = torch.export.load(path)
    except Exception as error:
        reason = type(error).__name__
        raise InputError(f"{path}: cannot be read as a torch.export archive ({reason})") from None
    inputs = set(program.graph_signature.user_inputs)
    shapes = [node.meta["val"].shape for node in program.graph.nodes if node.name in inputs]
    size, single = _fixed(shapes, path)
    return Generator(str(path), program.module().to(device), None, size, single, device)


def _onnx(path: Path, _device: str) -> Generator:
    try:
        import onnxruntime
    except ImportError:
        raise InputError(f"{path}: ONNX needs onnxruntime: pip install 'geoloc[translate]'") from None
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has one class of exception for each status
        raise InputError(f"{path}: cannot be read as ONNX ({type(error).__name__})") from None
    size, single = _fixed([given.shape for given in session.get_inputs()], path)
    name = session.get_inputs()[0].name

    def run(images: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(session.run(None, {name: images.numpy()})[0])

    return Generator(str(path), run, None, size, single)


def _fixed(shapes: list[Any], path: Path) -> tuple[Size | None, bool]:
    """(height, width) if the one input has a fixed size, and whether its batch is fixed to one picture."""
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise InputError(f"{path}: a generator takes one input (B, 3, H, W)")
    batch, channels, height, width = shapes[0]
    if channels != 3 or (isinstance(batch, int) and batch != 1):
        raise InputError(f"{path}: takes {tuple(shapes[0])}, but a generator takes (B, 3, H, W) or (1, 3, H, W)")
    fixed = isinstance(height, int), isinstance(width, int)
    if any(fixed) and not all(fixed):
        raise InputError(f"{path}: only one of height and width is fixed in {tuple(shapes[0])}")
    return ((height, width) if all(fixed) else None), isinstance(batch, int)


def _shape(images: torch.Tensor) -> str:
    return "x".join(str(length) for length in images.shape)
