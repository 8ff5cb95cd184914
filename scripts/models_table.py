"""Write docs/models.md: what every backbone with every aggregator costs, computed without memory for the weights.

python scripts/models_table.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
import yaml

from geoloc.errors import InputError
from geoloc.evaluate.cost import count_flops, count_parameters
from geoloc.net import DescriptorNet

ROOT = Path(__file__).resolve().parents[1]
# What is typed for each backbone, and the size that it is counted at.
BACKBONES: list[tuple[str, dict[str, object], tuple[int, int]]] = [
    ("alexnet", {}, (480, 640)),
    ("vgg16", {}, (480, 640)),
    *((f"resnet{depth}", {"cut": cut}, (480, 640)) for depth in (18, 50, 101) for cut in ("conv4", "conv5")),
    ("efficientnet_lite0", {}, (480, 640)),
    ("cct384", {}, (384, 384)),
    ("cct384", {"class_token": True}, (384, 384)),
    ("vit", {"size": 224}, (224, 224)),
    ("vit", {"size": 384}, (384, 384)),
    ("timm", {"model": "convnext_tiny"}, (480, 640)),
    ("timm", {"model": "vit_small_patch14_dinov2"}, (476, 630)),
    ("timm", {"model": "vit_base_patch14_dinov2"}, (476, 630)),
]
AGGREGATORS = ("netvlad", "crn", "gem", "spoc", "mac", "rmac", "rrm", "cls", "seqpool", "mixvpr")
HEAD = """# Models

Every backbone with every aggregator that can be trained: parameters, floating-point operations of one image (2 for each
multiply-add; matrix products and convolutions), and values of the descriptor. Written by `scripts/models_table.py`,
with 64 clusters and without a head; a test compares.

| Backbone | Image | Aggregator | Parameters (M) | GFLOPs | Descriptor |
| --- | --- | --- | ---: | ---: | ---: |
"""


def node(group: str, name: str) -> dict[str, object]:
    """The yaml of a choice."""
    return yaml.safe_load((ROOT / "conf" / group / f"{name}.yaml").read_text(encoding="utf-8"))


def rows() -> Iterator[str]:
    """One line of the table a pair."""
    for backbone, typed, size in BACKBONES:
        words = " ".join([backbone, *(f"{key}={str(value).lower()}" for key, value in typed.items())])
        # With a class token, cct384 is the same network otherwise.
        for aggregator in ["cls"] if "class_token" in typed else AGGREGATORS:
            spec = {
                "backbone": {**node("backbone", backbone), **typed, "weights": "none"},
                "aggregator": node("aggregator", aggregator),
                "image_size": size,
            }
            try:
                with torch.device("meta"):
                    net = DescriptorNet.from_spec(spec)
            except InputError:
                continue  # the aggregator needs a class token, and this backbone has none
            parameters, _ = count_parameters(net)
            flops = count_flops(net, size)
            yield (
                f"| {words} | {size[0]}x{size[1]} | {aggregator} | {parameters / 1e6:.2f} | {flops / 1e9:.2f}"
                f" | {net.out_dim} |\n"
            )


def page() -> str:
    """The whole of docs/models.md."""
    return HEAD + "".join(rows())


if __name__ == "__main__":
    (ROOT / "docs" / "models.md").write_text(page(), encoding="utf-8")
