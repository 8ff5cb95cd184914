"""The protocol of a run as rows of words: how images were shown, searched and put in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from geoloc.evaluate.rules import told

DECODING = {
    "full": "at full size",
    "reduced": "at 1/2, 1/4 or 1/8 of their size where that is enough; numbers not to be published",
}
EXTRACTION = {  # the cosine that was measured is in results.json: two runs of one way are not to differ here
    "exact": "float32, by the network as it was trained",
    "float32": "float32, batch norm folded in",
    "tf32": "TF32 in the backbone, batch norm folded in, float32 after it",
    "bfloat16": "bfloat16 in the backbone, float32 after it",
}
NAMING = ("name", "_target_")  # keys that say what a part is, not how it works


def judging_rows(domains: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(what, how) of the judging of each domain.

    Args:
        domains: Of results.json.
    """
    return [(f"judging of {name}", told(facts)) for name, facts in domains.items()]


def protocol_rows(protocol: Mapping[str, Any], agreement: Mapping[str, Mapping[str, float]]) -> list[tuple[str, str]]:
    """(what, how) of the showing and the searching; a key that is not there has no row.

    Args:
        protocol: Of results.json.
        agreement: Domain -> `index` of its entry in results.json, of the domains that have one.
    """
    rows = []
    if "image_size" in protocol:
        height, width = protocol["image_size"]
        resampling = f"; {protocol['resampling']}" if "resampling" in protocol else ""
        rows.append(("image size", f"{height} x {width} pixels, height x width{resampling}"))
        rows.append(("JPEGs decoded", DECODING[protocol.get("decode", "full")]))  # runs that do not say it: all of them
    if "extraction" in protocol:
        precision = protocol["extraction"]["precision"]
        compiled = ", by a compiled backbone" if protocol["extraction"].get("compiled") else ""
        rows.append(("descriptors computed in", EXTRACTION.get(precision, precision) + compiled))
    rows += [(part, described(protocol[part])) for part in ("views", "multiscale", "index") if part in protocol]
    rows += [
        (
            f"index against exact search, {domain}",
            f"{100 * found['r1']:.1f} % of the nearest images found, {100 * found['rk']:.1f} % of the"
            f" {found['k']} nearest (sample of {found['queries']} queries)",
        )
        for domain, found in agreement.items()
    ]
    return rows


def step_rows(protocol: Mapping[str, Any], tuned: Mapping[str, Mapping[str, float]]) -> list[tuple[str, str, str]]:
    """(step, its parameters, what was tuned) of post-processing, in the order in which the steps ran.

    Args:
        protocol: Of results.json.
        tuned: Of results.json: name of a step's class -> what it chose on the val domains.
    """
    return [
        (name, parameters(node), parameters(tuned.get(node.get("_target_", "").rpartition(".")[2], {})))
        for name, node in (protocol.get("postprocess") or {}).items()
    ]


def described(node: Mapping[str, Any] | None) -> str:
    """A part's name and its parameters; "none" for none.

    Example:
        >>> described({"_target_": "geoloc.index.faiss_hnsw.FaissHnsw", "m": 32, "ef_search": 128})
        'faiss_hnsw: m 32, ef_search 128'
    """
    if node is None:
        return "none"
    target = str(node.get("_target_", "")).split(".")
    name = node.get("name") or target[max(0, len(target) - 2)]  # a part of ours has the name of its module
    more = parameters(node)
    return f"{name}: {more}" if more else str(name)


def parameters(node: Mapping[str, Any]) -> str:
    """As they would be typed, but for digits beyond the sixth.

    Example:
        >>> parameters({"_target_": "a.B", "depth": None, "scales": [1.0, 0.8333333333], "compat": False})
        'depth null, scales [1, 0.833333], compat false'
    """
    return ", ".join(f"{key} {_typed(value)}" for key, value in node.items() if key not in NAMING)


def _typed(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return f"[{', '.join(map(_typed, value))}]"
    if isinstance(value, dict):
        return f"{{{parameters(value)}}}"
    return str(value)
