"""Rules of a domain in words, from what results.json says of it."""

import pytest

from geoloc.evaluate.rules import differences, rules, told

PLAIN = {"radius": 25.0, "frames": None, "metres_per_frame": None, "groups": "none", "query_list": None}
PLAIN |= {"panoramas": False}
FRAMES = {"frames": 10, "metres_per_frame": 25 / 10.5}


@pytest.mark.parametrize(
    ("protocol", "line"),
    [
        (None, "right within 25 m"),
        (PLAIN, "right within 25 m"),
        (FRAMES, "right within 10 frames (25 m)"),
        (FRAMES | {"frames": 1}, "right within 1 frame (25 m)"),
        ({"groups": "folder", "group_count": 2}, "right within 25 m; searched within its city (folder): 2 groups"),
        (
            {"groups": "note", "group_count": 1},
            "right within 25 m; searched within its city (last word of the note): 1 group",
        ),
        ({"groups": "column"}, "right within 25 m; searched within its group (column)"),
        (
            {"query_list": "/sets/msls_740.txt", "listed_queries": 740},
            "right within 25 m; 740 queries of msls_740.txt",
        ),
        ({"panoramas": True}, "right within 25 m; one hit a panorama"),
    ],
)
def test_a_line_a_domain(protocol, line):
    facts = {"radius_m": 25.000000000000004}
    assert told(facts if protocol is None else facts | {"protocol": protocol}) == line


def test_what_has_not_been_judged_has_no_radius():
    assert rules({})["right"] == "right within no radius"


def test_what_differs():
    facts = {"radius_m": 25.0, "protocol": PLAIN | {"query_list": "/a/l.txt", "listed_queries": 3}}
    # Counts follow from the photos, and where a list lies does not matter.
    other = {"radius_m": 25.0, "protocol": PLAIN | {"query_list": "/b/l.txt", "listed_queries": 4}}
    assert differences(facts, other) == {}
    assert differences({"radius_m": 25.0}, {"radius_m": 25.0, "protocol": PLAIN}) == {}
    other = {"radius_m": 5.5, "protocol": PLAIN | {"groups": "note", "panoramas": True}}
    assert differences(facts, other) == {
        "right": ("right within 25 m", "right within 5.5 m"),
        "searched": ("searched in all images", "searched within its city (last word of the note)"),
        "queries": ("queries of l.txt", "all queries"),
        "panoramas": ("one hit an image", "one hit a panorama"),
    }
