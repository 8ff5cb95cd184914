"""The only Hydra helper: what is wrong with a config, and objects from its nodes.

The schema of a node is the signature of the class that it names under `_target_`; there is no second copy of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import hydra
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.types import RunMode
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ConfigDict, TypeAdapter, ValidationError

from geoloc.checks.combinations import of_combinations
from geoloc.checks.typed import EXAMPLES, of_hub, of_hub_backbone, of_hub_size, of_repeats
from geoloc.errors import InputError
from geoloc.messages import did_you_mean
from geoloc.resume import flat
from geoloc.settings import Settings
from geoloc.sweeps import of_sweep

# Arguments that are given when the object is made, after the config has been read.
GIVEN = {
    "backbone": {"load"},
    "block": {"in_channels"},
    "aggregator": {"in_channels", "cells"},
    "head": {"in_dim"},
    "whitening": {"in_dim"},
}


def plain(cfg: DictConfig) -> dict[str, Any]:
    """Resolve every interpolation and leave Hydra behind: dicts, lists and numbers only."""
    content = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=False)
    assert isinstance(content, dict)
    # The empty list of a group, such as postprocess=[], leaves no key.
    return {"postprocess": {}, "logger": {}} | {str(key): value for key, value in content.items()}


def command_line_keys() -> set[str]:
    """Dotted keys and groups that the command line names."""
    return {override.split("=")[0].lstrip("+~") for override in HydraConfig.get().overrides.task}


def typed_keys() -> set[str]:
    """Dotted keys and groups that the command line names, or the experiment that it chooses."""
    return command_line_keys() | {key.split("@")[0] for key in pinned_keys()}


def pinned_keys() -> dict[str, tuple[Any, str | None]]:
    """{group or dotted key: (what the chosen experiment sets it to, what was typed over it or None)}."""
    hydra_config = HydraConfig.get()
    typed = {key.lstrip("+~"): value for key, _, value in (each.partition("=") for each in hydra_config.overrides.task)}
    pinned: dict[str, Any] = {}
    chosen = hydra_config.runtime.choices.get("experiment")
    folders = [Path(source.path) for source in hydra_config.runtime.config_sources if source.schema == "file"]
    for name in [chosen] if isinstance(chosen, str) else chosen or []:
        file = next((path for folder in folders if (path := folder / f"experiment/{name}.yaml").is_file()), None)
        content = yaml.safe_load(file.read_text(encoding="utf-8")) if file else {}
        for item in content.pop("defaults", []):
            group, choice = next(iter(item.items())) if isinstance(item, dict) else (str(item), None)
            pinned[group.removeprefix("override ").lstrip("/")] = choice
        pinned |= flat(content)
    return {key: (value, typed.get(key)) for key, value in pinned.items()}


def problems(cfg: DictConfig) -> list[str]:
    """Everything that is wrong with a config, one line each; nothing is built and nothing is read.

    Args:
        cfg: The composed config.
    """
    early = _of_mode(cfg) or of_repeats(HydraConfig.get().overrides.task)
    if early:
        return early
    missing = [key for key, value in flat(OmegaConf.to_container(cfg)).items() if value == "???"]
    if missing:
        return [f"{key}: must be given, such as {key}={EXAMPLES.get(key, 'VALUE')}" for key in missing]
    unknown = of_hub_backbone(cfg)
    if unknown:
        return unknown
    try:
        content = plain(cfg)
    except OmegaConfBaseException as error:
        return [str(error).splitlines()[0]]
    beside = of_hub(content, typed_keys())
    if beside:  # two networks in one: what else is wrong comes from that
        return beside
    found = _of_settings(content) + [line for path, node in nodes(content) for line in _of_node(path, node)]
    found = found or _of_lr(cfg, content)
    return found or of_combinations(content, instantiate) + of_hub_size(content) + _of_sweep(content)


def _of_mode(cfg: DictConfig) -> list[str]:
    """A study that is started as a single run. Its jobs are resumed one by one."""
    hydra_config = HydraConfig.get()
    if hydra_config.mode == RunMode.MULTIRUN or not hydra_config.sweeper.get("params") or cfg.resume:
        return []
    command = " ".join(hydra_config.overrides.task)
    return [f"{command}: is a study of several runs; start it with -m: python -m geoloc.run -m {command}"]


def search_direction() -> str | None:
    """What the search that this job is a trial of does with the job's value; None if there is no search."""
    hydra_config = HydraConfig.get()
    direction = hydra_config.sweeper.get("direction")
    return (
        None
        if hydra_config.mode != RunMode.MULTIRUN or direction is None
        else str(getattr(direction, "name", direction))
    )


def _of_sweep(content: dict[str, Any]) -> list[str]:
    """What only a single run can do. Its trainer and its epochs are known to be right by now."""
    return of_sweep(content, search_direction()) if HydraConfig.get().mode == RunMode.MULTIRUN else []


def _of_lr(cfg: DictConfig, content: dict[str, Any]) -> list[str]:
    """`lr_scale` beside a learning rate that does not follow it."""
    rate = OmegaConf.to_container(cfg.optimizer, resolve=False).get("lr")  # type: ignore[union-attr]
    if content["lr_scale"] == 1 or "lr_scale" in str(rate):
        return []
    return ["lr_scale: has no effect, since optimizer.lr is given; leave one of them out"]


def _of_settings(content: dict[str, Any]) -> list[str]:
    try:
        Settings.model_validate(content, strict=True)
    except ValidationError as error:
        return list(dict.fromkeys(_line(item, list(Settings.model_fields)) for item in error.errors()))
    return []


def _line(item: Any, known: list[str]) -> str:
    """One pydantic error as one line: the dotted key, what is wrong, what was given."""
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{key}: no such key{did_you_mean(key, known)}"
    if key.startswith("image_size"):
        return "image_size: must be [height, width] in whole pixels, such as [480, 640]"
    for choice, least in (("attention", 0), ("figures.queries", 1)):
        if key.startswith(choice):  # one line for both: no number, and no list of names
            names = "a list of paths of queries or parts of them (in quotes where they are numbers)"
            return f"{choice}: must be a number from {least}, or {names}"
    for choice, wanted in (("baseline", "KEY=VALUE or a list of such"), ("compile", "auto, true or false")):
        if key.startswith(choice):
            return f"{choice}: must be {wanted}, not {item['input']!r}"
    return f"{key}: {_lower(item['msg'])}, not {item['input']!r}"


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def nodes(content: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """(dotted key, node) of all nodes with a `_target_`, outer before inner."""
    if isinstance(content, dict):
        if content.get("_target_"):
            yield path, content
        items: Any = content.items()
    else:
        items = enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        yield from nodes(value, f"{path}.{key}" if path else str(key))


def _of_node(path: str, node: dict[str, Any]) -> list[str]:
    """Check a node against the signature of its target."""
    target = node["_target_"]
    try:
        called = get_object(target)
    except Exception as error:
        return [f"{path}._target_: {target} cannot be imported ({str(error).splitlines()[-1]})"]
    signature = inspect.signature(called)
    parameters = signature.parameters
    given = {key: value for key, value in node.items() if not key.startswith("_")}
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    found = [
        f"{path}.{key}: {target} has no such argument{did_you_mean(key, list(parameters))}"
        for key in given
        if key not in parameters and not open_ended
    ]
    if not node.get("_partial_"):
        absent = [
            name
            for name, parameter in parameters.items()
            if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        wanted = set(absent) - given.keys() - GIVEN.get(path, set())
        found += [f"{path}.{name}: must be given ({target})" for name in sorted(wanted)]
    return found + _of_values(path, called, given)


def _of_values(path: str, called: Any, given: dict[str, Any]) -> list[str]:
    """Check plain values against the annotations of the arguments."""
    try:
        hints = get_type_hints(called.__init__ if inspect.isclass(called) else called)
    except Exception:  # annotations of foreign classes may name things that only exist for type checkers
        return []
    found = []
    for key, value in given.items():
        if key not in hints or any(True for _ in nodes(value)):
            continue
        try:
            adapter = TypeAdapter(hints[key], config=ConfigDict(arbitrary_types_allowed=True))
            # Strict for numbers: 4.0 or true is no whole number. A list may stand for a tuple, and a string for a path.
            adapter.validate_python(value, strict=isinstance(value, (bool, int, float)))
        except ValidationError as error:
            wanted = sorted({_lower(item["msg"]) for item in error.errors()})
            found.append(f"{path}.{key}: {' or '.join(wanted)}, not {value!r}")
        except Exception:  # pydantic has no schema for the annotation
            continue
    return found


def instantiate(node: dict[str, Any], **given: Any) -> Any:
    """The object that a plain node describes; None if its `_target_` is null.

    Args:
        node: With `_target_` and arguments; `_partial_: true` gives a function that waits for the rest.
        **given: Arguments that are only known at run time.

    Raises:
        InputError: The object's constructor refuses the values.
    """
    if not node or node.get("_target_") is None:
        return None
    try:
        return hydra.utils.instantiate(node, **given, _convert_="all")
    except InstantiationException as error:
        if isinstance(error.__cause__, InputError):
            raise error.__cause__ from None
        raise InputError(f"{node['_target_']}: {str(error.__cause__).splitlines()[0]}") from error
