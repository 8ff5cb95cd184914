"""The only Hydra helper: what is wrong with a config, and objects from its nodes.

The schema of a node is the signature of the class that it names under `_target_`; there is no second copy of it.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator
from typing import Any, get_type_hints

import hydra
from hydra.errors import InstantiationException
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from geoloc.errors import InputError

TASKS = ("train", "test")
# Arguments that are given when the object is made, after the config has been read.
GIVEN = {"backbone": {"load"}, "aggregator": {"in_channels"}}


class Radius(BaseModel, extra="forbid"):
    """Distances in metres."""

    positive: float = Field(gt=0)
    negative: float = Field(gt=0)
    eval: float = Field(gt=0)


class Settings(BaseModel, extra="forbid"):
    """The plain top-level keys of conf/config.yaml with their types. Groups stay mappings here."""

    name: str = Field(pattern=r"^[\w.+-]+$")
    seed: int = Field(ge=-1)
    checkpoint: str | None
    resume: str | None
    pretrained: str
    image_size: tuple[int, int]
    train_batch_size: int = Field(ge=1)
    infer_batch_size: int = Field(ge=1)
    num_workers: int | None = Field(ge=0)
    radius: Radius
    recall_values: list[int] = Field(min_length=1)
    monitor: str = Field(pattern=r"^R\d+$")
    patience: int = Field(ge=1)
    saved_predictions: int = Field(ge=1)
    keep_descriptors: bool
    val_folder: str | None
    test_folders: list[str] | None
    task: str
    lr: dict[str, float]
    pool: int = Field(ge=1)
    data: dict[str, Any]
    val: dict[str, Any]
    test: dict[str, Any]
    paths: dict[str, Any]
    backbone: dict[str, Any]
    aggregator: dict[str, Any]
    loss: dict[str, Any]
    miner: dict[str, Any]
    optimizer: dict[str, Any]
    scheduler: dict[str, Any]
    aug: dict[str, Any]
    index: dict[str, Any]
    trainer: dict[str, Any]
    logger: dict[str, Any]


def plain(cfg: DictConfig) -> dict[str, Any]:
    """Resolve every interpolation and leave Hydra behind: dicts, lists and numbers only."""
    content = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=False)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def flat(content: Any, path: str = "") -> dict[str, Any]:
    """Nested dicts as {dotted key: value}.

    Example:
        >>> flat({"radius": {"eval": 25}, "seed": 0})
        {'radius.eval': 25, 'seed': 0}
    """
    if not isinstance(content, dict) or not content:
        return {path: content}
    return {k: v for key, value in content.items() for k, v in flat(value, f"{path}.{key}".lstrip(".")).items()}


def problems(cfg: DictConfig) -> list[str]:
    """Everything that is wrong with a config, one line each; nothing is built and nothing is read.

    Args:
        cfg: The composed config.
    """
    missing = [key for key, value in flat(OmegaConf.to_container(cfg)).items() if value == "???"]
    if missing:
        return [f"{key}: must be given, such as {key}=VALUE" for key in missing]
    try:
        content = plain(cfg)
    except OmegaConfBaseException as error:
        return [str(error).splitlines()[0]]
    found = _of_settings(content)
    for path, node in nodes(content):
        found += _of_node(path, node)
    return found or _of_combinations(content)


def _of_settings(content: dict[str, Any]) -> list[str]:
    try:
        Settings.model_validate(content)
    except ValidationError as error:
        return [_line(item, list(Settings.model_fields)) for item in error.errors()]
    return []


def _line(item: Any, known: list[str]) -> str:
    """One pydantic error as one line: the dotted key, what is wrong, what was given."""
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{key}: no such key{did_you_mean(key, known)}"
    return f"{key}: {item['msg'].lower()}, not {item['input']!r}"


def did_you_mean(word: str, known: list[str]) -> str:
    """'; did you mean x?' for the known word that is nearest, or nothing."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


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
            TypeAdapter(hints[key], config=ConfigDict(arbitrary_types_allowed=True)).validate_python(value)
        except ValidationError as error:
            wanted = sorted({item["msg"].lower() for item in error.errors()})
            found.append(f"{path}.{key}: {' or '.join(wanted)}, not {value!r}")
        except Exception:  # pydantic has no schema for the annotation
            continue
    return found


def _of_combinations(content: dict[str, Any]) -> list[str]:
    """Values that are right alone but not together."""
    found = []
    if content["task"] not in TASKS:
        found.append(f"task: must be one of {', '.join(TASKS)}, not {content['task']!r}")
    if any(n < 1 for n in content["recall_values"]):
        found.append(f"recall_values: must be at least 1, not {content['recall_values']}")
    if int(content["monitor"][1:]) not in content["recall_values"]:
        found.append(f"monitor: {content['monitor']} needs {content['monitor'][1:]} among recall_values")
    if content["radius"]["positive"] > content["radius"]["negative"]:
        found.append("radius.positive: must not exceed radius.negative, or positives would be mined as negatives")
    if min(content["image_size"]) < 32:
        found.append(f"image_size: [height, width] in pixels, each at least 32, not {list(content['image_size'])}")
    limited = [key for key in ("limit_val_batches", "limit_test_batches") if key in content["trainer"]]
    found += [f"trainer.{key}: recall on a part of a domain means nothing; use a smaller domain" for key in limited]
    return found or _of_small_parts(content)


def _of_small_parts(content: dict[str, Any]) -> list[str]:
    """What the constructors of the cheap parts refuse; found out now and not after the data has been read."""
    found = []
    for group in ("loss", "miner", "aug", "index"):
        try:
            instantiate(content[group])
        except InputError as error:
            found += [f"{group}: {problem}" for problem in error.problems]
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
