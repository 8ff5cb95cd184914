"""How each file is used, in Python without geoloc: what the model card prints and the tests run."""

from __future__ import annotations

from collections.abc import Sequence

READ = """\
import numpy as np
{package}
from PIL import Image, ImageOps

photo = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB").resize(({width}, {height}), Image.BILINEAR)
images = np.array(photo).transpose(2, 0, 1)[None]  # (B, 3, {height}, {width}) uint8
"""
RUN = {
    "onnx": (
        "import onnxruntime",
        'model = onnxruntime.InferenceSession("{file}")\n'
        'descriptors = model.run(None, {{"images": images}})[0]  # (B, {dim}) float32',
    ),
    "torch": (
        "import torch",
        'model = torch.export.load("{file}").module()\n'
        "descriptors = model(torch.from_numpy(images))  # (B, {dim}) float32",
    ),
}
WEIGHTS = """\
import geoloc

net = geoloc.load(".")  # the folder of model.safetensors and model.yaml
descriptors = net.describe("photo.jpg")  # or a list of photos; (B, {dim}) float32"""
TITLES = {
    "onnx": "with ONNX Runtime alone",
    "torch": "with torch alone",
    "weights": "with geoloc (and `task=test checkpoint=FOLDER`)",
}


def usage(name: str, file: str, image_size: Sequence[int], dim: int) -> str:
    """Lines of Python that describe photo.jpg by one of the formats.

    Args:
        name: "onnx", "torch" or "weights".
        file: Its file.
        image_size: (height, width).
        dim: D.
    """
    values = {"file": file, "height": image_size[0], "width": image_size[1], "dim": dim}
    if name == "weights":
        return WEIGHTS.format(**values)
    package, run = RUN[name]
    return (READ + run).format(package=package, **values)
