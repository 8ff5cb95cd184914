"""answers.csv, answers.geojson, the words and the data of the page of answers, from answers made by hand."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
from made_answers import write_asked
from mini import name_of

from geoloc.earth import earth_centred, from_latlon, surface_latlon
from geoloc.report.answers.asked import Base
from geoloc.report.answers.colours import colour_of
from geoloc.report.answers.files import write_files
from geoloc.report.answers.gallery import gallery
from geoloc.report.answers.page import write_answer_page
from geoloc.report.answers.told import calibration_lines, figures, truth_lines


@pytest.fixture
def asked(tmp_path):
    return write_asked(tmp_path)


def test_answers_csv_has_a_row_a_photo_in_their_order(asked, tmp_path):
    assert write_files(tmp_path, asked) == ""
    rows = list(csv.DictReader((tmp_path / "answers.csv").open(encoding="utf-8")))
    assert [row["photo"] for row in rows] == ["a.jpg", "b.jpg", "c.jpg", "d <b>.jpg"]
    assert [row["status"] for row in rows] == ["answered", "unreadable", "unknown", "unknown"]
    assert rows[1] | {"photo": "", "status": "", "reason": ""} == dict.fromkeys(rows[1], "")
    assert rows[1]["reason"] == "damaged"
    first = {
        key: rows[0][key] for key in ("east", "confidence", "expected_error_m", "spread_m", "error_m", "best_distance")
    }
    assert first == dict(zip(first, ("540004.0", "0.9", "6.0", "4.9", "3.0", "0.1"), strict=True))
    assert rows[0]["best"] == name_of(540_000.0)
    assert rows[2]["error_m"] == ""
    candidates = list(csv.DictReader((tmp_path / "predictions.csv").open(encoding="utf-8")))
    assert [(row["query"], row["rank"], row["east"]) for row in candidates[:3]] == [
        ("a.jpg", "1", "540000.0"),
        ("a.jpg", "2", "540010.0"),
        ("c.jpg", "1", "540010.0"),
    ]


def test_geojson_flags_what_is_unknown(asked, tmp_path):
    write_files(tmp_path, asked)
    features = json.loads((tmp_path / "answers.geojson").read_text())["features"]
    assert [each["properties"]["status"] for each in features] == ["answered", "unknown", "unknown"]
    assert features[0]["geometry"]["coordinates"] == asked.answers.latlon[0][::-1].round(7).tolist()
    assert features[1]["properties"]["error_m"] is None
    assert features[0]["properties"]["marker-color"] == colour_of(0.9)
    assert len({each["properties"]["marker-color"] for each in features}) == 2  # all unknown ones alike


def test_the_page_shows_what_was_found(asked):
    data = gallery(asked, inside=2, radius=25.0, into=asked.root)
    assert data["found"] == [[0, 1], [1, 0], [2, 0]]
    assert data["metres"] == [[4.0, 6.0], [0.0, 10.0], [0.0, 1000.0]]
    assert data["near"] == [[1, 1], [1, 1], [1, 0]]
    assert data["error"] == [3.0, None, 359_000.0]
    assert list(data["thumbs"]["queries"]) == [0, 2]  # two photos, evenly spread
    assert data["map"]["areas"] == 1
    assert data["map"]["queries"][0][:3] == [0, 4.0, 0.0]
    assert data["map"]["truth"] == [[0, 4.0, 3.0], None, None]  # the last lies in no area of the database
    assert len(data["map"]["cloud"]) == 3


def test_several_zones_are_drawn_as_seen_from_above(asked):
    from dataclasses import replace

    latlon = np.array([[40.0, -78.0001], [40.0, -77.9999], [40.001, -77.9999]])  # on both sides of a border of zones
    placed = earth_centred(latlon)
    utm, zones = from_latlon(latlon)
    base = Base(asked.base.root, asked.base.names, placed, latlon, utm, zones)
    answers = replace(asked.answers, xy=placed, latlon=surface_latlon(placed), utm=utm, zones=zones)
    truth = np.full((3, 3), np.nan)
    truth[1] = placed[0]
    data = gallery(replace(asked, base=base, answers=answers, truth=truth), 0, 25.0, asked.root)
    west, east, north = (np.array(place[1:3]) for place in data["map"]["queries"])
    # 0.0002 degrees of longitude at 40 N are 17.08 m, 0.001 of latitude 111.03 m.
    assert east - west == pytest.approx([17.1, 0.0], abs=0.11)
    assert north - east == pytest.approx([0.0, 111.0], abs=0.11)
    assert data["map"]["truth"][1][1:3] == data["map"]["queries"][0][1:3]


def test_names_cannot_break_the_page(asked, tmp_path):
    page = write_answer_page(tmp_path, asked, 25.0, 9, ["a line"], ["a <warning>"], [("what", "how")], "the command")
    text = page.read_text(encoding="utf-8")
    assert "d <b>.jpg" not in text
    assert "a &lt;warning&gt;" in text
    data = json.loads(re.search(r'class="data">(.*?)</script>', text, re.S)[1])
    assert data["queries"][2] == "d <b>.jpg"
    assert not re.search(r"""(src|href)=["']?https?:""", text)  # nothing is asked of anybody


def test_what_is_told(asked):
    assert ("1", "answered, of 4 photos") in figures(asked)
    assert ("2", "unknown") in figures(asked)
    assert ("1", "unreadable") in figures(asked)
    (line,) = truth_lines(asked, 25.0)
    assert "2 photos say" in line
    assert "1 of 2 all" in line
    assert "1 of 1 answered (median error 3.0 m)" in line
    assert "0 of 1 unknown (median error 359 km)" in line
    facts = {"radius_m": 25.0, "domains": ["city"], "queries": 120, "right": 85, "ece": 0.0789}
    told = " ".join(calibration_lines(facts, 0.804, 0.9, 0.97))
    for part in (
        "within 25 m",
        "city (120 labelled",
        "85 of them",
        "error 0.079",
        "below 0.804",
        "90 % of the answers",
    ):
        assert part in told
    assert calibration_lines(facts, None, 0.99, 0.97)[2] == (
        "Unknown: all photos, so all coordinates are best guesses. Answers are to be right 99 % of the time"
        " (answer_precision=0.99), and the 120 labelled queries of city are too few, or too often wrong, to vouch for"
        " more than 97 %. To have answers, type answer_precision=0.97 or less, or calibrate with more labelled photos"
        " (calibrate=true)."
    )
