"""What is typed twice, or beside a released network that brings it along. Without Hydra."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from geoloc.errors import InputError

# What a key that has no default is for, where its name does not say it.
EXAMPLES = {
    "hub.weights": "PATH of a file of the authors', such as resnet50_MixVPR_4096_channels(1024)_rows(4).ckpt, which the"
    " README of github.com/amaralibey/MixVPR links"
}
# What hub=mixvpr brings; typed as well it does no harm, as in what is said to fit a file.
SAME = {"backbone": "geoloc.backbones.resnet.ResNet", "aggregator": "geoloc.aggregators.mixvpr.MixVPR"}
# Parts that a released network replaces, and what only such parts go by.
REPLACED = ("backbone", "aggregator", "block", "head", "pretrained")


def of_repeats(overrides: Sequence[str]) -> list[str]:
    """A choice typed twice in a list, of which Hydra would take one without a word."""
    found = []
    for override in overrides:
        group, _, value = override.partition("=")
        names = [name.strip(" '\"") for name in value.strip("[]").split(",")] if value.startswith("[") else []
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if group == "postprocess" and twice:
            found.append(
                f"postprocess: {twice[0]} is typed twice, and a chain takes each step once; for a second one copy its"
                " yaml under another name (hydra.searchpath)"
            )
    return found


def of_hub(content: dict[str, Any], typed: Collection[str]) -> list[str]:
    """What a released network of others does not go with.

    Args:
        content: The resolved config, none of whose nodes is known to be right yet.
        typed: Dotted keys and groups that were typed, or pinned by the chosen experiment.

    Returns:
        One line a problem; none where no released network is chosen.
    """
    if not is_released(content["hub"]):
        return []
    of_others = "source" in content["hub"]  # its code is; else ours takes weights of others, and has keys of ours
    idle = sorted(key for key in typed if key.split(".")[0] in REPLACED and not _harmless(key, content, of_others))
    found = [f"{key}: has no effect beside hub=, which brings the whole network; leave one of them out" for key in idle]
    if not of_others and not content["checkpoint"]:
        found.append("checkpoint: must not be null beside hub=, whose weights it is; leave it out")
    elif content["checkpoint"] and not content["resume"] and (of_others or "checkpoint" in typed):
        found.append(
            f"hub: has no effect beside checkpoint={content['checkpoint']}, which is a network itself; leave it out"
        )
    return found


def is_released(hub: Mapping[str, Any]) -> bool:
    """Whether `hub=` names a network; the node of hub=none holds its empty class alone."""
    return bool(hub.keys() - {"_target_"})


def _harmless(key: str, content: Mapping[str, Any], of_others: bool) -> bool:
    """Whether a typed part of a network, or a key of one, leaves a released network as it is."""
    if "." in key:
        return not of_others
    if key == "pretrained":
        return False
    target = (content[key] or {}).get("_target_")
    return target is None if key in ("block", "head") else not of_others and target == SAME[key]


def of_hub_backbone(cfg: Mapping[str, Any]) -> list[str]:
    """A backbone that a released network does not come with; other values refer to it, and cannot be resolved."""
    known = list(cfg["hub"].get("imagenet", {}))
    if not known or cfg["hub"]["backbone"] in known:
        return []
    return [f"hub.backbone: must be one of {', '.join(known)}, not {cfg['hub']['backbone']!r}"]


def of_hub_size(content: dict[str, Any]) -> list[str]:
    """An image size that a released network does not take; nothing is built for this, as that runs its code."""
    if "source" not in content["hub"]:
        return []
    from geoloc.backbones.hub import check_multiple

    try:
        check_multiple(content["backbone"].get("multiple", 1), *content["image_size"])
    except InputError as error:
        return list(error.problems)
    return []
