"""The command line of `scripts/prepare.py`: the name of a set is the name of its module in this package.

A module of a set has a docstring whose first line says what the set is, `HOW`, one line that says where to get it and
where to put it, and `plan(raw, ...) -> Plan`, whose further arguments become options of the command line.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import pkgutil
import sys
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from geoloc.data.prepare import __path__ as package
from geoloc.data.prepare.download import Download, NetworkError, fetch
from geoloc.data.prepare.plan import Plan
from geoloc.data.prepare.write import Summary, write, write_checksums
from geoloc.data.progress import progress_bar
from geoloc.errors import InputError
from geoloc.folders import datasets_folder

AGAIN = "the same call goes on where this one ended"


def modules() -> dict[str, str]:
    """Name of each set that can be prepared -> the first line of its module."""
    found = {}
    for module in pkgutil.iter_modules(package):
        source = (Path(package[0]) / f"{module.name}.py").read_text(encoding="utf-8")
        tree = ast.parse(source)
        if any(isinstance(node, ast.FunctionDef) and node.name == "plan" for node in tree.body):
            found[module.name] = (ast.get_docstring(tree) or "").splitlines()[0]
    return found


def main(arguments: Sequence[str]) -> int:
    """Prepare a set.

    Args:
        arguments: Those of the command line, without the program's name.

    Returns:
        The exit code: 0 done; 1 failed, or done but the numbers are not the published ones; 2 wrong input; 130
        interrupted.
    """
    known = modules()
    parser = argparse.ArgumentParser(
        prog="prepare.py",
        description="Bring a raw data set into the layout that geoloc reads. The raw files are read only.",
        epilog="sets:\n" + "\n".join(f"  {name:14} {line}" for name, line in known.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sets = parser.add_subparsers(dest="set", metavar="SET", required=True, help="one of the sets below")
    if not arguments:
        parser.print_help()
        return 0
    for name in [arguments[0]] if arguments[0] in known else known:
        _add(sets, name)
    given = parser.parse_args(arguments)
    module = import_module(f"geoloc.data.prepare.{given.set}")
    try:
        summary = _prepare(module, given)
    except (InputError, NetworkError, OSError, KeyboardInterrupt) as error:
        return _explain(error)
    sys.stdout.write(table(summary))
    for line in summary.differences():
        sys.stderr.write(f"warning: {line}\n")
    return 1 if summary.differences() else 0


def _explain(error: BaseException) -> int:
    """Say why a call ended early; gives the exit code."""
    if isinstance(error, InputError):
        sys.stderr.write("".join(f"error: {problem}\n" for problem in error.problems))
        return 2
    if isinstance(error, KeyboardInterrupt):
        sys.stderr.write(f"interrupted; {AGAIN}\n")
        return 130
    # Of what is left, an OSError says that there is no space, no permission, ...
    sys.stderr.write(f"error: {error}\n" if isinstance(error, NetworkError) else f"error: {error}; {AGAIN}\n")
    return 1


def _add(sets: Any, name: str) -> None:
    """The sub-command of a set."""
    module = import_module(f"geoloc.data.prepare.{name}")
    parser = sets.add_parser(
        name,
        description=f"{module.__doc__}\n{module.HOW}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("raw", type=Path, help="the raw set; only read")
    parser.add_argument("--out", type=Path, help="folder of the prepared set; by default $DATASETS_FOLDER/NAME")
    parser.add_argument("--copy", action="store_true", help="copy files where they would be hard links")
    parser.add_argument("--checksums", action="store_true", help="write SHA-256 sums of all prepared photos")
    if _downloads(module):
        parser.add_argument(
            "--download", action="store_true", help="first get into RAW what its publishers give without a form"
        )
    _add_options(parser, module.plan, "Args:")


def _add_options(parser: argparse.ArgumentParser, of: Any, heading: str) -> None:
    """Options for the arguments of a function but its first, or for the fields of a dataclass.

    An argument whose type is a dataclass becomes the options that its fields become.
    """
    hints = get_type_hints(of)
    helps = _argument_helps(of, heading)
    parameters = list(inspect.signature(of).parameters.values())
    for parameter in parameters if is_dataclass(of) else parameters[1:]:
        hint = hints[parameter.name]
        if is_dataclass(hint):
            _add_options(parser, hint, "Attributes:")
        else:
            _add_option(parser, parameter, hint, helps.get(parameter.name, ""))


def _downloads(module: ModuleType) -> Sequence[Download]:
    """What can be had of a set without a form; nothing if it says nothing."""
    return getattr(module, "DOWNLOADS", ())


def _add_option(parser: argparse.ArgumentParser, parameter: inspect.Parameter, hint: Any, text: str) -> None:
    flag = f"--{parameter.name.replace('_', '-')}"
    if hint is bool:
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=parameter.default, help=text)
        return
    options: dict[str, Any] = {"help": text}
    if get_origin(hint) in (Union, UnionType):
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
    if get_origin(hint) is Literal:
        options["choices"] = get_args(hint)
    else:
        options["type"] = hint
    if parameter.default is parameter.empty:
        options["required"] = True
    else:
        options["default"] = parameter.default
        if parameter.default is not None:
            options["help"] += f" (default: {parameter.default})"
    parser.add_argument(flag, **options)


def _argument_helps(of: Any, heading: str) -> dict[str, str]:
    """Argument -> what the docstring of a function or class says of it, below a heading."""
    found: dict[str, str] = {}
    last = ""
    inside = False
    for line in (inspect.getdoc(of) or "").splitlines():
        if line in ("Args:", "Attributes:", "Returns:", "Raises:"):
            inside = line == heading
        elif inside and line.startswith("    ") and not line.startswith("     "):
            last, _, text = line.strip().partition(": ")
            found[last] = text.strip()
        elif inside and line.strip():
            found[last] += f" {line.strip()}"
    return {name: text.rstrip(".").replace("%", "%%") for name, text in found.items()}


def _prepare(module: ModuleType, given: argparse.Namespace) -> Summary:
    if getattr(given, "download", False):
        fetch(_downloads(module), given.raw, module.HOW, tell=lambda line: print(line, flush=True))
    if not given.raw.exists():
        way = " --download gets what needs no form." if _downloads(module) else ""
        raise InputError(f"{given.raw}: no such folder or file. {module.HOW}{way}")
    hints = get_type_hints(module.plan)
    names = list(inspect.signature(module.plan).parameters)[1:]
    plan: Plan = module.plan(given.raw, **{name: _value(given, name, hints[name]) for name in names})
    folder = given.out or Path(datasets_folder()) / plan.name
    if folder.resolve() == given.raw.resolve():
        folder = given.raw  # spelled as in the plan, which tells by that what lies in its place already
    with progress_bar(f"preparing {plan.name}") as advance:
        summary = write(plan, folder, given.copy, advance)
    if given.checksums:
        with progress_bar("checksums") as advance:
            write_checksums(folder, advance)
    return summary


def _value(given: argparse.Namespace, name: str, hint: Any) -> Any:
    """The argument of a plan; a dataclass from the options of its fields."""
    if is_dataclass(hint) and isinstance(hint, type):
        return hint(**{field.name: getattr(given, field.name) for field in fields(hint)})
    return getattr(given, name)


def table(summary: Summary) -> str:
    """Numbers of photos beside the published ones, and how they came."""
    sides = list(dict.fromkeys([*summary.counts, *summary.published]))
    width = max(map(len, sides))
    lines = [f"{'':{width}}  {'photos':>9}  {'published':>9}"]
    for side in sides:
        number = summary.published.get(side)
        lines.append(f"{side:{width}}  {summary.counts.get(side, 0):9,}  {'-' if number is None else f'{number:,}':>9}")
    ways = ", ".join(f"{number:,} {way}" for way, number in summary.ways.items())
    return "\n".join([*lines, ways, *summary.notes, f"{summary.folder} is ready", ""])
