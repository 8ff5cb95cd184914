"""Specs of small networks, made from the yaml files that users choose by name."""

from __future__ import annotations

import torch
import yaml

from geoloc.run import conf_folder

CONF = conf_folder()


# What a backbone needs to be built small: image size, and changes of its yaml.
SMALL = {
    "vit": ((224, 224), {"backbone__trunc_te": 1}),
    "cct384": ((384, 384), {"backbone__trunc_te": 1, "backbone__class_token": True}),
    "timm": ((64, 96), {"backbone__model": "vit_tiny_patch16_224", "backbone__trunc_te": 1}),
}
WITH_CLS = ("vit", "cct384", "timm")


def choices(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def spec_of(backbone="resnet18", aggregator="netvlad", size=(64, 96), block="none", head="none", **changes):
    names = {"backbone": backbone, "aggregator": aggregator, "block": block, "head": head}
    nodes = {group: yaml.safe_load((CONF / group / f"{name}.yaml").read_text()) for group, name in names.items()}
    nodes["backbone"]["weights"] = "none"
    for key, value in changes.items():
        group, argument = key.split("__")
        nodes[group][argument] = value
    return {**nodes, "image_size": list(size)}


def small(backbone, aggregator, **changes):
    size, more = SMALL.get(backbone, ((64, 96), {}))
    return spec_of(backbone, aggregator, size, **{**more, **changes})


def images(*shape, seed=0):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
