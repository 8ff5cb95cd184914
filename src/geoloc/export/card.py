"""MODEL_CARD.md: what the network is, what goes in and comes out, how good and fast it is, how its files are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from geoloc.evaluate.rules import told
from geoloc.export.latency import latency_rows, told_machine
from geoloc.export.origin import start_weights, without_folders
from geoloc.export.parity import LEAST_COSINE, MOST_APART
from geoloc.export.source import Source
from geoloc.export.usage import TITLES, usage
from geoloc.report.cost import network_rows

PARTS = ("block", "head", "whitening")


@dataclass(frozen=True)
class Exported:
    """All that a card tells.

    Attributes:
        model: See `model_facts`.
        source: Where the network comes from.
        formats: Format -> its entry in results.json (`file`, `mb`, `sizes`, `note`, `parity`, or `error`).
        compared: What the files were compared on, in words.
        milliseconds: See `latencies`; empty if nothing was timed.
        machine: See `latency.machine`.
        version: Of geoloc.
    """

    model: Mapping[str, Any]
    source: Source
    formats: Mapping[str, Mapping[str, Any]]
    compared: str
    milliseconds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""


def card(exported: Exported) -> str:
    """The page as Markdown."""
    title = f"{_name(exported.model['backbone'])} + {_name(exported.model['aggregator'])}"
    parts = [
        f"# {title}\n\nDescribes a photo by {exported.model['descriptor_dim']} values, so that photos of the same place"
        f" lie near each other (visual place recognition). Exported by geoloc {exported.version}.",
        _network(exported.model),
        _input(exported.model),
        _training(exported),
        _results(exported.source),
        _files(exported),
        _latency(exported),
        _usage(exported),
        _licence(exported.model),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _network(model: Mapping[str, Any]) -> str:
    rows = [row for row in network_rows(model) if row[0] != "weights"]
    rows[2:2] = [(part, _name(model[part])) for part in PARTS if model.get(part)]
    return "## Network\n\n" + table([["", ""], *map(list, rows), ["digest", f"`{model['digest']}`"]])


def _input(model: Mapping[str, Any]) -> str:
    height, width = model["image_size"]
    length = "of unit length" if model.get("unit_length", True) else "not normalised (unit_length=false)"
    return f"""## What goes in, what comes out

- `images`: uint8, (B, 3, {height}, {width}): a batch of RGB photos, values 0 to 255, channels first. Nothing is to be
  subtracted or divided: that is inside the network.
- A photo is turned upright (its EXIF orientation), converted to RGB, and resized to {height} x {width} pixels (height x
  width), whatever its aspect ratio: bilinear with antialiasing, as `PIL.Image.resize(..., BILINEAR)` does it. (geoloc's
  own resizing rounds some pixels to the next of 255 levels.)
- `descriptors`: float32, (B, {model["descriptor_dim"]}), {length}. Two photos are compared by the Euclidean distance of
  their descriptors; database and queries must be described by the same network (`digest`), in whatever format.
- One scale and the whole photo: `multiscale`, `views`, the search and post-processing are not in the files."""


def _training(exported: Exported) -> str:
    source, model = exported.source, exported.model
    rows = [["", ""], *map(list, source.training), ["start weights of the backbone", start_weights(model["backbone"])]]
    rows.append(["weights come from", str(source.about.get("weights", model["weights"]))])
    return "## Training\n\n" + table([[what, without_folders(how)] for what, how in rows])


def _results(source: Source) -> str:
    if not source.domains:
        return f"## Results\n\n{source.missing}"
    ns = list(next(iter(source.domains.values()))["recalls"])
    rows = [["domain", *(f"R@{n}" for n in ns), "queries", "database"]]
    for name, facts in source.domains.items():
        cells = [_recall(facts, n) for n in ns]
        rows.append([name, *cells, str(facts["queries"]), str(facts["database"])])
    judged = "\n".join(f"- {name}: {told(facts)}" for name, facts in source.domains.items())
    chain = ", ".join(source.protocol.get("postprocess") or {})
    after = f"\n- after post-processing ({chain}), which is not in the files" if chain else ""
    shown = [f"{key}={_choice(source.protocol[key])}" for key in ("views", "multiscale") if source.protocol.get(key)]
    how = f"\n- photos shown by {', '.join(shown)}" if shown else ""
    return (
        "## Results\n\nRecall@N: queries with a correct photo among the first N, in percent of all queries, with 95 %"
        " Wilson intervals; as the run that the network comes from has judged it."
        f"\n\n{table(rows)}\n\n{judged}{how}{after}"
    )


def _recall(facts: Mapping[str, Any], n: str) -> str:
    if n not in facts["recalls"]:
        return ""
    interval = facts.get("ci95", {}).get(n)
    return f"{facts['recalls'][n]:.1f}" + (f" [{interval[0]:.1f}, {interval[1]:.1f}]" if interval else "")


def _files(exported: Exported) -> str:
    rows, notes = parity_rows(exported.formats), []
    for name, facts in exported.formats.items():
        if "error" in facts:
            notes.append(f"- **{name}: {without_folders(facts['error'])}**")
        elif not facts["parity"]["within_tolerance"]:
            notes.append(f"- **{facts['file']} is BEYOND THE TOLERANCE: do not use it**")
        if facts.get("note"):
            notes.append(f"- {name}: {without_folders(facts['note'])}")
    tolerance = (
        f"Tolerance: lowest cosine at least {LEAST_COSINE:g}, largest difference of a value at most {MOST_APART:g}."
    )
    said = "\n\n" + "\n".join(notes) if notes else ""
    torch = exported.machine.get("torch")
    made = f" Made by torch {torch}; model.pt2 is read by that version or a later one." if torch else ""
    return (
        f"## Files, compared with the network itself\n\n{table(rows)}\n\nCompared on {exported.compared}. {tolerance}"
        f" The network itself is PyTorch in float32, eager, on a CPU.{made}{said}"
    )


def parity_rows(formats: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Head and lines of the table of files, for the console and the card."""
    domains = list(
        dict.fromkeys(each for facts in formats.values() for each in facts.get("parity", {}).get("top1_agreement", {}))
    )
    rows = [
        ["file", "MB", "sizes", "max difference", "lowest cosine", *(f"top-1 {name}" for name in domains), "agrees"]
    ]
    for name, facts in formats.items():
        if "error" in facts:
            rows.append([f"{name} (failed)", *[""] * (len(rows[0]) - 1)])
            continue
        found = facts["parity"]
        top1 = [f"{100 * found['top1_agreement'][domain]:.1f} %" for domain in domains]
        numbers = [f"{found['max_difference']:.1e}", f"{found['lowest_cosine']:.7f}", *top1]
        agrees = "yes" if found["within_tolerance"] else "NO"
        rows.append([facts["file"], f"{facts['mb']:.1f}", facts["sizes"], *numbers, agrees])
    return rows


def _latency(exported: Exported) -> str:
    if not exported.milliseconds:
        return ""
    height, width = exported.model["image_size"]
    return (
        f"## Speed\n\nMilliseconds of a batch of {height} x {width} pixels (medians; all ways took turns in one run),"
        f" and how many times as fast as eager PyTorch: {told_machine(exported.machine)}."
        f"\n\n{table(latency_rows(exported.milliseconds))}"
    )


def _usage(exported: Exported) -> str:
    model, parts = exported.model, []
    for name, facts in exported.formats.items():
        if facts.get("parity", {}).get("within_tolerance"):
            lines = usage(name, facts["file"], model["image_size"], model["descriptor_dim"])
            parts.append(f"{facts['file']}, {TITLES[name]}:\n\n```python\n{lines}\n```")
    return "## Use\n\n" + "\n\n".join(parts) if parts else ""


def _licence(model: Mapping[str, Any]) -> str:
    start = without_folders(start_weights(model["backbone"]))
    return (
        "## Licence\n\nThe code that made the network (geoloc) is MIT. The weights are of whoever trained them; they"
        f" started from {start}. The training photos have licences of their own."
    )


def table(rows: Sequence[Sequence[str]]) -> str:
    r"""Markdown of a head and lines.

    Example:
        >>> print(table([["a", "b"], ["1", "2|3"]]))
        | a | b |
        | --- | --- |
        | 1 | 2\|3 |
    """
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "| " + " | ".join("---" for _ in rows[0]) + " |", *lines[1:]])


def _name(node: Mapping[str, Any]) -> str:
    """A part by its class, with what tells it from others of the same class."""
    kind = str(node["_target_"]).rpartition(".")[2]
    more = [
        f"{key} {node[key]}"
        for key in ("depth", "cut", "model", "repository", "entry", "size", "clusters", "dim")
        if node.get(key) is not None
    ]
    return f"{kind} ({', '.join(more)})" if more else kind


def _choice(part: Mapping[str, Any]) -> str:
    return str(part.get("name", part))
