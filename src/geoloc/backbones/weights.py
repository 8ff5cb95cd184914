"""Loading of pretrained weights, with one clear line where they cannot be had."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
import torchvision
from torch import nn

from geoloc.backbones.files import read_state_dict
from geoloc.errors import InputError

log = logging.getLogger(__name__)


def load_exactly(module: nn.Module, state: dict[str, torch.Tensor], source: str) -> None:
    """Load `state` into `module`; every name and shape must fit.

    Raises:
        InputError: One line that counts what is missing, left over or of another shape, with an example each.
    """
    own = module.state_dict()
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    surplus = [name for name in state if name not in own]
    shapes = [name for name in own if name in state and own[name].shape != state[name].shape]
    if missing or surplus or shapes:
        parts = []
        if shapes:
            name = shapes[0]
            parts.append(
                f"{len(shapes)} of another shape ({name} is {tuple(state[name].shape)} there and"
                f" {tuple(own[name].shape)} here)"
            )
        parts += [f"{len(missing)} missing ({missing[0]})"] if missing else []
        parts += [f"{len(surplus)} unknown ({surplus[0]})"] if surplus else []
        raise InputError(f"{source}: does not fit this network: {', '.join(parts)}")
    module.load_state_dict(state, strict=False)


def pretrained(architecture: str, weights: str) -> dict[str, torch.Tensor]:
    """Weights of a torchvision network by torchvision's names, classifier included.

    Args:
        architecture: torchvision's name, such as "resnet18".
        weights: "imagenet" (torchvision's first published ones, on which the benchmark's numbers rest), "places" or
            "gldv2" (the benchmark's files, to be put beside torchvision's downloads), or a path.

    Raises:
        InputError: They are not there; says what to do.
    """
    if weights in ("places", "gldv2"):
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        names = [f"{architecture}_{weights}{suffix}" for suffix in (".pth", "")]
        found = [folder / name for name in names if (folder / name).is_file()]
        if not found:
            raise InputError(
                f"backbone.weights={weights}: {folder / names[0]}: no such file; put the benchmark's file of"
                f" {architecture} there, or give backbone.weights=PATH"
            )
        return read_state_dict(found[0])
    if weights != "imagenet":
        return read_state_dict(weights)
    entry = torchvision.models.get_model_weights(architecture).IMAGENET1K_V1
    return download(architecture, lambda: entry.get_state_dict(progress=True, check_hash=True))


def load_without_classifier(module: nn.Module, classifier: str, state: dict[str, torch.Tensor], source: str) -> None:
    """Load all but the classifier, whose number of classes does not matter.

    Args:
        module: The whole network; its classifier is removed.
        classifier: The classifier's name in it.
        state: Tensors by name.
        source: For messages.

    Raises:
        InputError: Names or shapes of the rest differ.
    """
    setattr(module, classifier, nn.Identity())
    load_exactly(module, without_head(state, classifier), f"weights of {source}")


def without_head(state: dict[str, torch.Tensor], classifier: str | Sequence[str] = "head") -> dict[str, torch.Tensor]:
    """A state dict without its classifier.

    Args:
        state: Tensors by name.
        classifier: Name or names of the classifier's layers; timm's transformers call it "head".
    """
    names = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    return {name: value for name, value in state.items() if not name.startswith(tuple(f"{n}." for n in names))}


def download_timm(name: str, **options: Any) -> dict[str, torch.Tensor]:
    """Weights of a timm network, by timm's names, from its cache or the network.

    Args:
        name: timm's name with the tag of the weights, or without for its default ones.
        **options: For `timm.create_model`.

    Raises:
        InputError: They cannot be had; says what to do.
    """
    import timm  # here and not above: a ResNet needs none of it

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tries again and again for a minute
    log.info("weights of %s: from timm's cache, or the network", name)
    try:
        return timm.create_model(name, pretrained=True, **options).state_dict()
    except (OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"backbone.weights: those of {name} cannot be had from timm ({reason}); run once with a network, or give"
            " backbone.weights=PATH of a state dict with timm's names, or backbone.weights=none"
        ) from None


def download(what: str, fetch: Callable[[], dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Weights of torchvision from its cache or the network.

    Raises:
        InputError: Not in the cache and no network; says what to do.
    """
    try:
        return fetch()
    except (URLError, OSError, RuntimeError) as error:
        raise InputError(
            f"backbone.weights=imagenet: weights of {what} are not in {torch.hub.get_dir()}/checkpoints and cannot be"
            f" downloaded ({error}); run once with a network, or give backbone.weights=PATH of torchvision's file, or"
            " backbone.weights=none to start from random weights"
        ) from None
