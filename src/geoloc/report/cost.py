"""What the network and the search cost, as rows of words: of the whole run, and of each domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from geoloc.stages import grouped

BYTES = 4  # of a float32


def network_rows(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what, how much) of the network.

    Args:
        model: Of results.json.
    """
    trained = f" ({millions(model['trainable_parameters'])} trainable)" if "trainable_parameters" in model else ""
    height, width = model["image_size"]
    return [
        ("backbone", model["backbone"]["_target_"].split(".")[-1]),
        ("aggregator", model["aggregator"]["_target_"].split(".")[-1]),
        ("parameters", millions(model["parameters"]) + trained),
        ("size on disk", f"{model['size_mb']:g} MB"),
        ("operations of one image", f"{model['flops'] / 1e9:.2f} GFLOPs (2 for each multiply-add)"),
        ("image", f"{height} x {width} pixels, height x width"),
        ("descriptor", f"{model['descriptor_dim']} values, {size(model['descriptor_dim'] * BYTES)} as float32"),
        ("weights", str(model["weights"])),
    ]


def time_rows(percent: Mapping[str, float]) -> list[tuple[str, str]]:
    """(stage, percent of the run's time and of its parts), longest first.

    Args:
        percent: `shares` of results.json.

    Example:
        >>> time_rows({"training/steps": 32.0, "training/waiting": 9.0, "rest": 59.0})
        [('the rest', '59.0 %'), ('training', '41.0 % (9.0 % waiting for images)')]
    """
    rows = []
    for group, (whole, parts) in sorted(grouped(percent).items(), key=lambda item: -item[1][0]):
        inner = ", ".join(f"{part:.1f} % {name}" for name, part in parts.items())
        rows.append((group, f"{whole:.1f} %" + (f" ({inner})" if inner else "")))
    return rows


def millions(number: float) -> str:
    """Example: 23508032 is "23.51 M"."""
    return f"{number / 1e6:.2f} M"


def domain_costs(domains: Mapping[str, Mapping[str, Any]], dim: int) -> dict[str, list[str]]:
    """Domain -> cells: photos, ms a photo to describe it, index size, ms a query of search and of post-processing.

    Args:
        domains: Of results.json.
        dim: Values of a descriptor.
    """
    costs = {}
    for name, facts in domains.items():
        seconds, queries, database = facts.get("seconds", {}), facts["queries"], facts["database"]
        costs[name] = [
            str(queries + database),
            _each(seconds.get("extract"), queries + database),
            size(database * dim * BYTES),
            _each(seconds.get("search"), queries),
            _each(seconds.get("postprocess"), queries),
        ]
    return costs


def _each(seconds: float | None, number: int) -> str:
    """Milliseconds of each of some; a stage that did not run has none."""
    return "-" if seconds is None else f"{1000 * seconds / number:.3g} ms"


def size(count: float) -> str:
    """Bytes with a fitting unit.

    Example:
        >>> size(512), size(65_536), size(163_840_000)
        ('512 bytes', '65.5 kB', '164 MB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count:.0f} bytes"
