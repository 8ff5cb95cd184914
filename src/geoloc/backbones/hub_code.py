"""Code of others by torch.hub: where it lies, what is told before it is downloaded, and how it is run.

A network that is chosen by `hub=` may download its repository and run it. One that is loaded from a run's folder, which
may come from a stranger, runs code only that was put on this machine before: in torch.hub's own cache, or in a folder
that this process or the variable GEOLOC_HUB_SOURCE names.
"""

from __future__ import annotations

import ast
import hashlib
import logging
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import torch

from geoloc.backbones.hub_files import NETWORK, WAIT, cached, waiting
from geoloc.backbones.hub_files import size as size_of
from geoloc.backbones.hub_run import alone, heard, weightless
from geoloc.errors import InputError

log = logging.getLogger(__name__)
VARIABLE = "GEOLOC_HUB_SOURCE"
# What binds whoever passes a product on, or forbids to sell it.
STRICT = re.compile(r"GPL|NC\b|non-?commercial|not stated|unknown", re.IGNORECASE)
TRUSTED: set[Path] = set()  # folders whose code was chosen in this process


def trust(source: str | Path | None) -> None:
    """Let networks that are loaded run the code of a folder, as `hub.source` of a command that is resumed."""
    if source is not None:
        TRUSTED.add(Path(source).resolve())


@dataclass(frozen=True)
class Repository:
    """A repository with a hubconf.py.

    Args:
        name: "owner/name" on GitHub.
        ref: Commit, tag or branch.
        source: Folder of a clone that is taken instead; None: none.

    Raises:
        InputError: Name or ref are no such.
    """

    name: str
    ref: str
    source: Path | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", self.name):
            raise InputError(f"hub.repository: must be owner/name of a repository on GitHub, not {self.name!r}")
        if not re.fullmatch(r"[\w-][\w./-]*", self.ref):
            raise InputError(f"hub.ref: must be a commit, a tag or a branch, not {self.ref!r}")

    @property
    def where(self) -> str:
        """For messages."""
        return str(self.source) if self.source else f"{self.name} at {self.ref[:12]}"

    @property
    def cache(self) -> Path:
        """Where torch.hub keeps this version."""
        return Path(torch.hub.get_dir()) / f"{_folder(self.name)}_{_folder(self.ref)}"

    def announce(self, files: Sequence[str], also: Sequence[str], licence: Mapping[str, str]) -> None:
        """Say what is going to run and be downloaded, and under which terms.

        Raises:
            InputError: Something is to be downloaded, and there is no network.
        """
        terms = dict(licence) or {"code and weights": "not stated"}
        log.info(
            "hub: code of others is run on this machine as it is: %s%s; licence of %s",
            *(self.where, f", and of {', '.join(also)}, which it loads" if also else "", _listed(terms)),
        )
        strict = {part: text for part, text in terms.items() if STRICT.search(text)}
        if strict:
            log.warning("hub: mind the terms before you pass this network on or sell it: %s", _listed(strict))
        if self.source is None and not self.cache.is_dir():
            self._say_download(f"https://github.com/{self.name}", f"to {self.cache}")
        for address in files:
            place = cached(address)
            if place is not None:
                log.info("hub: weights are at hand: %s", place)
            else:
                self._say_download(address, f"to {torch.hub.get_dir()}")
        for other in also:
            if not _kept(other):
                self._say_download(f"https://github.com/{other}", f"to {torch.hub.get_dir()}")
            _trust_in_torch(other)

    def _say_download(self, address: str, where: str) -> None:
        try:
            bytes_ = size_of(address)
        except NETWORK as error:
            raise InputError(self._offline(address, error)) from None
        log.info("hub: downloading %s (%s) %s", address, f"{bytes_ / 1e6:.1f} MB" if bytes_ else "size unknown", where)

    def _offline(self, address: str, error: Exception) -> str:
        """What to do where something cannot be downloaded."""
        reason = f"HTTP {error.code}" if isinstance(error, HTTPError) else str(getattr(error, "reason", error))
        name = address.rpartition("/")[2]
        if address == f"https://github.com/{self.name}":
            remedy = f"give hub.source=PATH of a clone of {self.name}, or put it at {self.cache}"
        elif address.startswith("https://github.com/") and address.count("/") == 4:
            remedy = f"put a clone of it at {torch.hub.get_dir()}/{_folder(address.removeprefix('https://github.com/'))}_main"
        elif "huggingface.co" in address:
            remedy = "run once with a network, or copy Hugging Face's cache (HF_HOME)"
        else:
            remedy = f"put the file into {torch.hub.get_dir()}/checkpoints as {name}"
        return f"hub: {address} is not on this machine and cannot be downloaded ({reason}); {remedy}"

    def fetch(self) -> Path:
        """The folder of the code, downloaded if need be.

        Raises:
            InputError: It is not there and cannot be downloaded.
        """
        if self.source is not None:
            trust(self.source)
            return self._checked(self.source)
        if not self.cache.is_dir():
            try:
                with waiting(WAIT), heard():
                    torch.hub.list(f"{self.name}:{self.ref}", trust_repo=True, skip_validation=True, verbose=False)
            except Exception as error:  # what its code raises is told when it is called
                if not self.cache.is_dir():
                    raise InputError(self._offline(f"https://github.com/{self.name}", error)) from None
        return self._checked(self.cache)

    def at_hand(self, also: Sequence[str] = ()) -> Path:
        """The folder of the code for a network that is loaded; nothing is downloaded.

        Args:
            also: Repositories whose code it loads besides.

        Raises:
            InputError: It is not on this machine, or nobody has said that it may be run.
        """
        for other in also:
            if not _kept(other):
                raise InputError(
                    f"hub: this network runs code of {other}, too, which is not on this machine; put a clone at"
                    f" {torch.hub.get_dir()}/{_folder(other)}_main"
                )
        named = [Path(part).resolve() for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
        if self.source is None:
            if self.cache.is_dir():
                return self._checked(self.cache)
            if named:
                return self._checked(named[0])
            raise InputError(
                f"hub: this network runs code of {self.name} at {self.ref}, which is not on this machine; put a clone"
                f" at {self.cache}, or set {VARIABLE} to its folder"
            )
        allowed = [self.source.resolve()] if self.source.resolve() in {*named, *TRUSTED} else named
        if not allowed:
            raise InputError(
                f"hub: this network runs code of {self.name}, which lay in {self.source}; to run it, set {VARIABLE} to"
                " the folder of its clone"
            )
        return self._checked(allowed[0])

    def _checked(self, folder: Path) -> Path:
        if not (folder / "hubconf.py").is_file():
            raise InputError(f"hub: {folder}: no hubconf.py there; a clone of {self.name} has one")
        return folder.resolve()

    def call(self, folder: Path, entry: str, arguments: dict[str, Any], weights: bool) -> Any:
        """What an entry gives.

        Args:
            folder: Of the code.
            entry: Function of hubconf.py.
            arguments: Of it.
            weights: False: none are read; the network keeps its start values.

        Raises:
            InputError: Whatever its code raises, in one line.
        """
        what = f"hub: {entry} of {self.where}"
        try:
            with ExitStack() as around:
                for context in (waiting(WAIT), heard(), alone(folder), *([] if weights else [weightless()])):
                    around.enter_context(context)
                return torch.hub.load(str(folder), entry, source="local", **arguments)
        except ModuleNotFoundError as error:
            missing = error.name
            raise InputError(f"{what}: needs the Python package {missing}; pip install {missing}") from None
        except URLError as error:
            raise InputError(f"{what}: cannot download ({error.reason}); run once with a network") from None
        except EOFError:
            raise InputError(f"{what}: loads code of another repository, and torch.hub asks whether it may") from None
        except (Exception, SystemExit) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            if reason.startswith("Cannot find callable"):
                reason = f"there is no such entry; there are {', '.join(_entries(folder)) or 'none'}"
            elif reason.startswith("Missing dependencies:"):
                packages = reason.partition(": ")[2].replace(",", "")
                reason = f"needs Python packages that are not installed; pip install {packages}"
            raise InputError(f"{what}: {reason}") from None


def digest_of(folder: Path) -> bytes:
    """16 bytes that change with the Python files of a folder."""
    found = hashlib.blake2b(digest_size=16)
    for path in sorted(path for path in folder.rglob("*.py") if path.is_file()):
        found.update(f"{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes())
    return found.digest()


def _listed(terms: Mapping[str, str]) -> str:
    return "; ".join(f"{part}: {text}" for part, text in terms.items())


def _entries(folder: Path) -> list[str]:
    """Functions that a hubconf.py defines itself."""
    content = ast.parse((folder / "hubconf.py").read_text(encoding="utf-8"))
    names = [node.name for node in content.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return [name for name in names if not name.startswith("_")]


def _folder(name: str) -> str:
    """How torch.hub begins the name of a repository's folder."""
    return name.replace("/", "_")


def _kept(name: str) -> bool:
    """Whether torch.hub has some version of a repository."""
    return any(Path(torch.hub.get_dir()).glob(f"{_folder(name)}_*"))


def _trust_in_torch(name: str) -> None:
    """Write a repository into torch.hub's list of trusted ones, or it would ask at the terminal."""
    path, line = Path(torch.hub.get_dir()) / "trusted_list", _folder(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    known = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    if line not in known:
        path.write_text("".join(f"{each}\n" for each in [*known, line]), encoding="utf-8")
