"""Whether a calibration may be used: it holds for one network, and under the protocol that it was fitted under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from geoloc.errors import InputError
from geoloc.locate.calibration import Calibration

AGAIN = "task=test calibrate=true fits one"


def usable(
    facts: Mapping[str, Any] | None, model: str, asked: Mapping[str, Any]
) -> tuple[Calibration | None, list[str]]:
    """The calibration that came with a network, and what is to be warned of.

    Args:
        facts: `net.calibration`; None if none came with it.
        model: Hash of the network, `net.digest()`.
        asked: How candidates are found here, by the keys of `fitted_on["protocol"]`: as results.json has them
            `views`, `multiscale`, `decode`, `index` and `postprocess`. What is left out is not compared.

    Returns:
        None without facts, or if they are not of this network or cannot be read; and one line a warning, which are to
        be kept with the results.
    """
    if facts is None:
        return None, []
    try:
        found = Calibration.of(facts)
    except InputError as error:
        return None, [f"{line}; it is not used" for line in error.problems]
    if found.fitted_on.get("model") != model:
        return None, [f"calibration: was fitted with other weights or at another image size, and is not used; {AGAIN}"]
    was = found.fitted_on.get("protocol", {})
    differ = [_difference(key, was.get(key), asked[key]) for key in asked if was.get(key) != asked[key]]
    if not differ:
        return found, []
    return found, [
        f"calibration: was fitted under another protocol: {'; '.join(differ)}. Confidences and expected errors may be"
        f" WRONG here; {AGAIN}"
    ]


def other_voters(found: Calibration, voters: int) -> str:
    """A warning where another number of candidates votes than where a calibration was fitted; empty if it is the same.

    A database of few photos does not have as many as are asked for: one photo agrees with itself on everything.

    Args:
        found: The calibration.
        voters: Candidates of each query that vote here.
    """
    was = found.fitted_on.get("protocol", {}).get("voters", voters)
    if was == voters:
        return ""
    return (
        f"candidates of each photo that vote: {voters} here, {was} where the calibration was fitted; confidences and"
        f" expected errors may be WRONG here; {AGAIN}"
    )


def _difference(key: str, there: Any, here: Any) -> str:
    """What differs, in few words.

    Example:
        >>> _difference("decode", "full", "reduced"), _difference("postprocess", {}, {"geo_dbscan": {"eps": 25.0}})
        ('decode full there, reduced here', 'postprocess none there, geo_dbscan here')
    """
    was, now = _told(there), _told(here)
    return f"{key} {was} there, {now} here" if was != now else f"{key} {now} with other parameters"


def _told(value: Any) -> str:
    if isinstance(value, Mapping) and (
        "name" in value or "_target_" in value
    ):  # a part of ours is called as its module
        return str(value.get("name") or ".".join(str(value["_target_"]).split(".")[-2:-1]))
    if isinstance(value, Mapping):  # a chain
        return ", ".join(value) or "none"
    return f"{value:g}" if isinstance(value, float) else "none" if value is None else str(value)
