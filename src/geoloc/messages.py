"""Errors of the command line and of Hydra, each in one line."""

from __future__ import annotations

import difflib
import re
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

from hydra.errors import MissingConfigException, OverrideParseException

from geoloc.errors import InputError

# What plug-ins of Hydra bring -> the extra that brings these.
PLUGINS = {
    "hydra/sweeper=optuna": "sweep",
    "hydra/launcher=submitit_slurm": "cluster",
    "hydra/launcher=submitit_local": "cluster",
}
# What Optuna says, without and with a file, where no trial has a value.
NO_TRIAL = ("No trials are completed yet.", "Record does not exist.")
OTHER_SPACE = (
    "hydra.sweeper.params: the search in this folder has begun with another kind of values (interval, range, choice) or"
    " other choices for a key; search in a new folder"
)
# Part of what a plug-in says of what was typed -> what is wrong.
ASKED = {
    'Could not detect "srun"': "hydra/launcher=slurm: there is no SLURM (srun) on this machine;"
    " hydra/launcher=local starts jobs at once without it",
    "Cannot set different distribution kind": OTHER_SPACE,
    "CategoricalDistribution does not support dynamic value space": OTHER_SPACE,
}
# Key that only one task has -> the task.
OF_ONE_TASK = {"figures": "report", "export": "export"}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """'; did you mean x?' for the known word that is nearest, or nothing.

    Example:
        >>> did_you_mean("nite", ["none", "night"])
        '; did you mean night?'
    """
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def say(error: BaseException) -> None:
    """Write one line a problem to standard error, unless the job's log has said it already."""
    if getattr(error, "geoloc_logged", False):
        return
    lines = error.problems if isinstance(error, InputError) else [one_line(error)]
    for line in lines:
        sys.stderr.write(f"error: {line}\n")


def pasteable(typed: Iterable[str]) -> str:
    """Arguments as a shell takes them, in quotes only where these are needed.

    Example:
        >>> print(pasteable(["image_size=[64,64]", "data.path='/my photos'", "a='$b'"]))
        image_size=[64,64] "data.path='/my photos'" 'a='"'"'$b'"'"''
    """
    return " ".join(map(_quoted, typed))


def _quoted(text: str) -> str:
    if re.fullmatch(r"[\w@%+=:,./~\[\]-]+", text):
        return text
    # Most have Hydra's single quotes within, which shlex would write in five characters each.
    return shlex.quote(text) if re.search(r'["$`\\!]', text) else f'"{text}"'


def wrongly_asked(error: BaseException) -> str:
    """What is wrong with what was typed, where a plug-in's error is about that; else nothing."""
    return next((said for part, said in ASKED.items() if part in str(error)), "")


def one_line(error: BaseException) -> str:
    """What an exception says, in one line and without Hydra's advice to add unknown keys, which are refused here."""
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read; put the value in quotes, such as \"key='value with (signs) = '\""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and (said := _missing(error)):
        return said
    if said := wrongly_asked(error):
        return said
    if str(error).strip("'\"") in NO_TRIAL:
        return "no trial of the search has finished; leaderboard.html in its folder tells why"
    text = f"{error}\n{error.__cause__ or ''}"
    unknown = re.search(r"Key '(\S+)' is not in struct", text)
    if unknown:
        path = re.search(r"full_key: (\S+)", text)
        key = path.group(1) if path else unknown.group(1)
        group, _, name = key.partition(".")
        if group == "postprocess" and "." not in name:
            return f"{key}: this step is not in the chain; put it there, such as postprocess=[{name}]"
        if group in OF_ONE_TASK and not name:
            return f"{key}: has an effect on task={OF_ONE_TASK[group]} alone"
        return f"{key}: no such key; --help lists all keys"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(line for line in lines if not line.startswith(("To append to", "full_key", "object_type")))


def _missing(error: MissingConfigException) -> str:
    """What there is instead of a choice that there is not, or what brings it; "" if nobody knows."""
    group, _, choice = str(error.missing_cfg_file).rpartition("/")
    extra = PLUGINS.get(f"{group}={choice}")
    if extra:
        return f"{group}={choice.removeprefix('submitit_')}: the plug-in is not installed: pip install -e '.[{extra}]'"
    options = error.options or _choices(str(error), group)
    if not options:
        return ""
    return f"{group}={choice}: no such choice; there are {', '.join(options)}{did_you_mean(choice, options)}"


def _choices(message: str, group: str) -> list[str]:
    """Choices of a group of which several may be taken; Hydra tells only where it has looked for them."""
    folders = [Path(path) / group for path in re.findall(r"path=file://(\S+)", message)]
    return sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
