"""What is wrong with values that are right alone: found out before any data are read, without Hydra."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from geoloc.checks.of_data import of_data, of_val
from geoloc.checks.of_export import of_export
from geoloc.checks.of_photos import of_photos
from geoloc.errors import InputError

TASKS = ("train", "test", "describe", "search", "report", "check", "compare", "localize", "demo", "export")
READING = ("train", "test", "describe", "localize", "demo")  # tasks in which a network sees images
OF_RUNS = ("search", "report", "compare")  # tasks that go by what finished runs say
SET_BY_US = (
    "logger",
    "callbacks",
    "default_root_dir",
    "reload_dataloaders_every_n_epochs",
    "num_sanity_val_steps",
    "log_every_n_steps",
    "enable_model_summary",
    "deterministic",
    "plugins",
)


def of_combinations(content: dict[str, Any], instantiate: Callable[..., Any]) -> list[str]:
    """Values that are right alone but not together.

    Args:
        content: The resolved config; every key and type is right.
        instantiate: Builds the object of a node.

    Returns:
        One line a problem.
    """
    found = _of_task(content)
    if any(n < 1 for n in content["recall_values"]):
        found.append(f"recall_values: must be at least 1, not {content['recall_values']}")
    if content["radius"]["positive"] > content["radius"]["negative"]:
        found.append("radius.positive: must not exceed radius.negative, or positives would be mined as negatives")
    if min(content["image_size"]) < 32:
        found.append(f"image_size: [height, width] in pixels, each at least 32, not {list(content['image_size'])}")
    if content["checkpoint"] and not content["resume"] and not Path(content["checkpoint"]).exists():
        found.append(f"checkpoint={content['checkpoint']}: no such file")
    if content["compile"] is True and content["extraction"] == "exact":
        found.append("compile: has no effect on extraction=exact, which describes by the network as it is")
    found += of_data(content) + of_val(content) + of_export(content) + _of_trainer(content["trainer"])
    if found or content["task"] in ("report", "compare"):  # which build nothing, and refuse what is typed in vain
        return found
    small = _of_small_parts(content, instantiate) or _of_search(content, instantiate)
    return small + _of_network(content, instantiate)


def _of_task(content: dict[str, Any]) -> list[str]:
    """The task, and what goes with some tasks only."""
    if content["task"] not in TASKS:
        return [f"task: must be one of {', '.join(TASKS)}, not {content['task']!r}"]
    if content["unreadable"] != "stop" and content["task"] not in ("train", "check"):
        return [
            f"unreadable={content['unreadable']}: has an effect on task=train and task=check alone; evaluation never"
            " leaves an image out"
        ]
    found = []
    if content["task"] not in OF_RUNS and int(content["monitor"][1:]) not in content["recall_values"]:
        found.append(f"monitor: {content['monitor']} needs {content['monitor'][1:]} among recall_values")
    if content["task"] != "compare":
        idle = [key for key in ("runs", "other_protocols") if content[key]]
        found += [f"{key}: has an effect on task=compare alone" for key in idle]
    found += _of_images(content) + of_photos(content)
    if content["attention"] and content["task"] not in ("train", "test"):
        found.append("attention: has an effect on task=train and task=test alone, which judge a network")
    if content["run"] and content["task"] not in ("search", "report"):
        found.append(
            "run: has an effect on task=search and task=report alone; checkpoint=PATH names the network of another task"
        )
    return found


def _of_images(content: dict[str, Any]) -> list[str]:
    """What is done with images, or with what is found, in tasks that do no such thing."""
    rules = [("decode", "full", READING), ("frozen_maps", 0, ("train",)), ("calibrate", "auto", ("train", "test"))]
    rules.append(("answer_precision", 0.9, ("train", "test", "search", "localize", "demo")))
    wrong = [(key, tasks) for key, usual, tasks in rules if content[key] != usual and content["task"] not in tasks]
    return [f"{key}: has an effect on {', '.join(f'task={task}' for task in tasks)} alone" for key, tasks in wrong]


def _of_trainer(trainer: dict[str, Any]) -> list[str]:
    """Trainer settings under which numbers would be wrong, or which geoloc sets itself."""
    limited = [key for key in ("limit_val_batches", "limit_test_batches") if key in trainer]
    found = [f"trainer.{key}: recall on a part of a domain means nothing; use a smaller domain" for key in limited]
    found += [f"trainer.{key}: is set by geoloc itself" for key in SET_BY_US if key in trainer]
    if trainer.get("overfit_batches"):
        found.append("trainer.overfit_batches: would validate on a part of a domain; use trainer.limit_train_batches")
    if trainer["limit_train_batches"] == 0:
        found.append("trainer.limit_train_batches: must be above 0, or null for all")
    every = trainer["check_val_every_n_epoch"]
    if not isinstance(every, int) or every < 1:
        found.append(f"trainer.check_val_every_n_epoch: must be a number of epochs, at least 1, not {every!r}")
    if not isinstance(trainer["max_epochs"], int) or trainer["max_epochs"] < 1:
        found.append(f"trainer.max_epochs: must be at least 1, not {trainer['max_epochs']!r}")
    if str(trainer["precision"]) in ("16-true", "bf16-true"):
        found.append(f"trainer.precision: {trainer['precision']} is not supported; use bf16-mixed or 16-mixed")
    return found


def _of_small_parts(content: dict[str, Any], instantiate: Callable[..., Any]) -> list[str]:
    """What the constructors of the cheap parts refuse; found out now and not after the data has been read."""
    import torch
    from torch import nn

    from geoloc.search import chain_of

    def optimizer() -> Any:
        return instantiate(content["optimizer"])([nn.Parameter()])

    def scheduler() -> None:
        make = instantiate(content["scheduler"])
        if make is not None:
            make(optimizer())

    def loss() -> None:
        """One that needs labels, say, shows it only when it is called."""
        instantiate(content["loss"])(torch.eye(4), torch.tensor([[0, 1, 2], [0, 1, 3]]))

    tries: dict[str, Callable[[], Any]] = {
        group: partial(instantiate, content[group]) for group in ("miner", "aug", "index", "views", "multiscale")
    }
    # On one device: several would make connections already now.
    tries["postprocess"] = partial(chain_of, content["postprocess"], instantiate)
    tries["trainer"] = partial(instantiate, {**content["trainer"], "devices": 1, "strategy": "auto"}, logger=False)
    tries |= {key: partial(instantiate, node) for key, node in _loggers(content).items()}
    tries |= {"loss": loss, "optimizer": optimizer, "scheduler": scheduler}
    found = []
    for group, attempt in tries.items():
        try:
            attempt()
        except (ValueError, TypeError) as error:
            problems = error.problems if isinstance(error, InputError) else [str(error).splitlines()[0]]
            found += [f"{group}: {problem}" for problem in problems]
            if group == "optimizer":
                break
    return found


def _loggers(content: dict[str, Any]) -> dict[str, Any]:
    """Dotted key -> node of the loggers that this task starts."""
    nodes = content["logger"] if content["task"] in ("train", "test", "describe") else {}
    return {f"logger.{name}": node for name, node in nodes.items() if node}


def _of_search(content: dict[str, Any], instantiate: Callable[..., Any]) -> list[str]:
    """Libraries that are not installed, and post-processing that cannot work under the view."""
    from geoloc.search import chain_of, check_chain

    steps = chain_of(content["postprocess"], instantiate)
    try:
        for part in (instantiate(content["index"]), *steps):
            getattr(part, "check_installed", lambda: None)()
        if content["task"] not in OF_RUNS:  # there the view is that of the run
            check_chain(instantiate(content["views"]), steps)
    except InputError as error:
        return list(error.problems)
    return []


def _of_network(content: dict[str, Any], instantiate: Callable[..., Any]) -> list[str]:
    """Parts of a new network that do not go together; it is built, and run once, without memory for its weights."""
    if content["checkpoint"] or content["resume"] or content["task"] in OF_RUNS or "source" in content["hub"]:
        return []  # the checkpoint says what the network is, there is none, or it is built by code of others
    import torch

    from geoloc.modes import eval_mode
    from geoloc.net import DescriptorNet

    size = content["image_size"]
    try:
        with torch.device("meta"):
            net = DescriptorNet.from_spec(content, load=False)
    except (InputError, ValueError, TypeError) as error:
        return list(error.problems) if isinstance(error, InputError) else [str(error).splitlines()[0]]
    try:
        with torch.device("meta"), eval_mode(net), torch.no_grad():
            images = torch.zeros(1, 3, *size, dtype=torch.uint8)
            channels = net.features(images).map.shape[1]
            if channels == net.backbone.out_channels:
                net(images)
    except Exception as error:  # whatever the layers of a foreign backbone raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        if "meta tensors" in reason:  # it asks for values, which only a network with memory has
            return []
        return [f"backbone, aggregator: this network cannot describe images of {size[0]}x{size[1]} pixels ({reason})"]
    if channels != net.backbone.out_channels:
        return [f"backbone: its map has {channels} channels, and not {net.backbone.out_channels} as it says"]
    start: Any = getattr(net.aggregator, "starts_from", None)
    if start is not None and content["task"] == "train":
        kind = type(net.aggregator).__name__
        return [f"aggregator: {kind} starts from a trained {start.__name__} network: checkpoint=PATH of one"]
    return _of_sizes(net, content, instantiate)


def _of_sizes(net: Any, content: dict[str, Any], instantiate: Callable[..., Any]) -> list[str]:
    """Sizes of test images that a new network does not take."""
    import torch

    from geoloc.lit.protocol import check_sizes

    try:
        shown = [instantiate(content[group]) for group in ("views", "multiscale")]
    except InputError:  # told already, as of all small parts
        return []
    try:
        with torch.device("meta"):
            check_sizes(net, *shown)
    except InputError as error:
        return list(error.problems)
    return []
