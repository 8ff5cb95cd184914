"""What decides the recall of a domain besides the network and the photos, in words: told, and compared between runs.

It is read from the domain's entry in results.json, so that it can be told of any run, whoever made it. An entry without
a protocol is from before domains had one: all images were searched for all queries, within a radius.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

WITHIN = {
    "folder": "within its city (folder)",
    "note": "within its city (last word of the note)",
    "column": "within its group (column)",
}


def rules(facts: Mapping[str, Any]) -> dict[str, str]:
    """Each rule of a domain's protocol; two results may be compared if all are the same.

    Counts have no part in it: they follow from the photos.

    Args:
        facts: Entry of the domain in results.json; without a radius if nothing has been judged.

    Returns:
        What it is about -> what is so.

    Example:
        >>> rules({"radius_m": 25.0, "protocol": {"groups": "folder", "query_list": "sets/msls_740.txt"}})["queries"]
        'queries of msls_740.txt'
    """
    protocol = facts.get("protocol", {})
    frames, groups, listed = (protocol.get(key) for key in ("frames", "groups", "query_list"))
    radius = f"{facts['radius_m']:g} m" if "radius_m" in facts else "no radius"
    plural = "" if frames == 1 else "s"
    return {
        "right": f"right within {radius}" if frames is None else f"right within {frames} frame{plural} ({radius})",
        "searched": "searched in all images" if groups in (None, "none") else f"searched {WITHIN[groups]}",
        "queries": "all queries" if listed is None else f"queries of {PurePath(listed).name}",
        "panoramas": "one hit a panorama" if protocol.get("panoramas") else "one hit an image",
    }


USUAL = ("searched in all images", "all queries", "one hit an image")  # what goes without saying


def told(facts: Mapping[str, Any]) -> str:
    """The rules of a domain in one line, with counts; what is so of most domains is left out.

    Args:
        facts: Entry of the domain in results.json.

    Example:
        >>> told({"radius_m": 25.0, "protocol": {"groups": "folder", "group_count": 2, "panoramas": False}})
        'right within 25 m; searched within its city (folder): 2 groups'
    """
    protocol, found = facts.get("protocol", {}), rules(facts)
    if "listed_queries" in protocol:
        found["queries"] = f"{protocol['listed_queries']} {found['queries']}"
    if "group_count" in protocol:
        found["searched"] += f": {protocol['group_count']} group{'' if protocol['group_count'] == 1 else 's'}"
    return "; ".join(text for text in found.values() if text not in USUAL)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The rules that two entries of a domain in results.json do not share: what it is about -> the two.

    Args:
        before: One entry.
        after: The other.
    """
    one, other = rules(before), rules(after)
    found = {about: (one[about], other[about]) for about in one if one[about] != other[about]}
    members = [entry.get("protocol", {}).get("members") for entry in (before, after)]
    if all(members) and members[0] != members[1] and not {"searched", "panoramas"} & found.keys():
        found["who is with whom in a group or panorama"] = (f"fingerprint {members[0]}", f"fingerprint {members[1]}")
    return found
