"""report.html, made of a results.json that is written here."""

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from geoloc.data.domains import folder
from geoloc.predictions import Predictions
from geoloc.report.page import write_page
from geoloc.report.predictions import write_predictions
from geoloc.report.protocol import protocol_rows, step_rows

CHANGE = {"before": 37.5, "after": 62.5, "difference": 25.0, "ci95": [-12.5, 50.0], "helped": 37.5, "hurt": 12.5}
DOMAIN = {
    "recalls": {"1": 62.5},
    "recalls_answerable": {"1": 62.5},
    "ci95": {"1": [30.57, 86.3]},
    "queries": 8,
    "answerable": 8,
    "database": 12,
    "radius_m": 25.0,
}
MORE = {
    "bootstrap95": {"1": [25.0, 87.5]},
    "raw_recalls": {"1": 37.5},
    "changes": {"1": CHANGE | {"p": 0.625, "queries": 8}, "5": CHANGE | {"p": 0.00001, "queries": 8}},
    "meters": {"median_first_m": 17.25, "median_geo_error_m": 14.5, "curve": {"1": 0.0, "10": 50.0, "100": 100.0}},
    "index": {"queries": 6, "k": 12, "r1": 1.0, "rk": 0.9712},
}
PROTOCOL = {
    "image_size": [480, 640],
    "resampling": "bilinear, antialiased",
    "views": {"name": "maj_voting", "_target_": "geoloc.views.maj_voting.MajVoting", "weight": 0.01, "passes": [1, 5]},
    "multiscale": None,
    "index": {"_target_": "geoloc.index.faiss_hnsw.FaissHnsw", "m": 32, "ef_search": 128},
    "postprocess": {
        "panoramas": {"_target_": "geoloc.postprocess.panoramas.Panoramas", "depth": None},
        "geo_density": {"_target_": "geoloc.postprocess.geo_density.GeoDensity", "bandwidth": 10.0, "weight": "auto"},
    },
}
TUNED = {"GeoDensity": {"weight": 0.35, "r1_before": 61.25, "r1_after": 63.0}}
NODE = {"_target_": "a.B"}
RESULTS = {
    "task": "test",
    "status": "finished",
    "model": {"backbone": NODE, "aggregator": NODE, "parameters": 1, "flops": 1, "size_mb": 1, "descriptor_dim": 1}
    | {"image_size": [1, 2], "weights": "none"},
    "warnings": [],
    "seconds": {"test": 1.0},
    "environment": {"seed": 0, "device": "cpu", "command": "x", "packages": {}, "git": None},
}


class Cells(HTMLParser):
    """Text of the table rows and of the headings, and the titles of cells, as a reader sees them."""

    def __init__(self, page):
        super().__init__()
        self.rows, self.headings, self.titles, self.open = [], [], [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.titles += [value for key, value in attrs if key == "title"]
        elif tag in ("h2", "h3"):
            self.headings.append("")
        self.open = tag if tag in ("td", "th", "h2", "h3", "small") else self.open

    def handle_endtag(self, tag):
        self.open = None if tag == self.open else self.open

    def handle_data(self, data):
        if self.open in ("td", "th"):
            self.rows[-1][-1] += data.strip()
        elif self.open in ("h2", "h3"):
            self.headings[-1] += data


@pytest.fixture
def render(tmp_path, mini_city):
    domain = folder(mini_city)
    ids = np.arange(12)[None].repeat(6, axis=0)
    roots = {"database": str(domain.database.root), "queries": str(domain.queries.root)}

    def page(domains, **more):
        for name in domains:
            path = tmp_path / "predictions" / f"{name}.csv"
            found = Predictions(ids, np.zeros(ids.shape, np.float32), 12)
            write_predictions(path, domain, found, np.zeros(ids.shape, bool))
        judged = {name: facts | {"folders": roots} for name, facts in domains.items()}
        (tmp_path / "results.json").write_text(json.dumps(RESULTS | {"domains": judged} | more))
        return write_page(tmp_path).read_text()

    return page


def test_all_is_told(render):
    page = render({"day": DOMAIN | MORE}, protocol=PROTOCOL, tuned=TUNED, tuned_on={"val_a": {}, "val_b": {}})
    told = Cells(page)
    assert told.titles == ["bootstrap: 25.0 to 87.5"]
    assert "31&ndash;86" in page  # Wilson
    for heading in (
        "Before and after post-processing",
        "day, 8 queries",
        "Metres",
        "How images were shown, searched and judged",
    ):
        assert heading in told.headings
    for row in (
        ["N", "before", "after", "difference [low, high]", "helped", "hurt", "p"],
        ["1", "37.5", "62.5", "+25.0 [-12.5, +50.0]", "37.5", "12.5", "0.6250"],
        ["5", "37.5", "62.5", "+25.0 [-12.5, +50.0]", "37.5", "12.5", "<0.0001"],
        ["step, in this order", "parameters", "tuned on val_a, val_b"],
        ["panoramas", "depth null", "nothing"],
        ["geo_density", "bandwidth 10, weight auto", "weight 0.35, r1_before 61.25, r1_after 63"],
        ["domain", "median distance", "median error", "1 m", "10 m", "100 m"],
        ["day", "17.2 m", "14.5 m", "0.0", "50.0", "100.0"],
        ["image size", "480 x 640 pixels, height x width; bilinear, antialiased"],
        ["JPEGs decoded", "at full size"],
        ["views", "maj_voting: weight 0.01, passes [1, 5]"],
        ["multiscale", "none"],
        ["index", "faiss_hnsw: m 32, ef_search 128"],
        [
            "index against exact search, day",
            "100.0 % of the nearest images found, 97.1 % of the 12 nearest (sample of 6 queries)",
        ],
    ):
        assert row in told.rows
    assert not re.search(r"<script [^>]*src|<link|@import|url\(", page)
    assert set(re.findall(r"https?://[^/]*", page)) == {"https://www.openstreetmap.org"}  # of links, which ask nothing


def test_the_curve_is_drawn_where_it_belongs(render):
    page = render({"day": DOMAIN | MORE})
    svg = ElementTree.fromstring(re.findall(r"<svg viewBox.*?</svg>", page, re.DOTALL)[1])
    assert [line.get("points") for line in svg.iter("polyline")] == ["48.0,256.0 330.0,140.0 612.0,24.0"]
    dots = [(dot.get("cx"), dot.get("cy"), dot.find("title").text) for dot in svg.iter("circle")]
    assert dots == [
        ("48.0", "256.0", "day: 0.0 % within 1 m"),
        ("330.0", "140.0", "day: 50.0 % within 10 m"),
        ("612.0", "24.0", "day: 100.0 % within 100 m"),
    ]
    labels = {(text.get("x"), text.get("y")): text.text for text in svg.iter("text")}
    assert labels["330.0", "132.0"] == "50.0"  # of the point
    assert labels["330.0", "275"] == "10"  # of the axis: 10 m


def test_an_older_run_has_none_of_it_and_is_rendered(render):
    page = render({"day": DOMAIN})
    told = Cells(page)
    assert told.headings == ["Recall", "day", "Cost", "How images were shown, searched and judged", "Run"]
    assert ["judging of day", "right within 25 m"] in told.rows
    assert told.titles == []
    assert "bootstrap" not in page


def test_each_domain_tells_how_it_was_judged(render):
    protocol = {"groups": "folder", "group_count": 2, "query_list": "/sets/msls_740.txt", "listed_queries": 740}
    told = Cells(render({"cph": DOMAIN | {"protocol": protocol}, "tokyo": DOMAIN | {"protocol": {"panoramas": True}}}))
    line = "right within 25 m; searched within its city (folder): 2 groups; 740 queries of msls_740.txt"
    assert ["judging of cph", line] in told.rows
    assert ["judging of tokyo", "right within 25 m; one hit a panorama"] in told.rows


def test_domains_without_a_part_are_left_out_of_it(render):
    part = DOMAIN | {"meters": MORE["meters"], "index": {}}
    page = render({"day": DOMAIN, "night": part}, protocol={"image_size": [1, 2], "postprocess": {}})
    told = Cells(page)
    assert "Before and after post-processing" not in told.headings
    assert [row[0] for row in told.rows if row[1:2] == ["17.2 m"]] == ["night"]
    assert page.count("<polyline") == 2 + 1  # of recall at N, of recall against distance
    assert ["image size", "1 x 2 pixels, height x width"] in told.rows
    assert ["JPEGs decoded", "at full size"] in told.rows  # by runs from before there was a choice
    assert "index against" not in page


def test_without_tuning_there_is_no_column_for_it(render):
    told = Cells(render({"day": DOMAIN | MORE}, protocol=PROTOCOL))
    assert ["step, in this order", "parameters"] in told.rows
    assert ["panoramas", "depth null"] in told.rows


def test_a_run_that_judged_nothing_is_rendered(render):
    assert "No domain was judged." in render({})


def test_names_and_parameters_are_escaped(render):
    odd = 'a<b>&"c'
    protocol = PROTOCOL | {"views": {"name": "<i>view", "mode": "<u>"}, "postprocess": {"<s>": {"how": '<em>"'}}}
    page = render({odd: DOMAIN | MORE}, protocol=protocol, tuned={"A": {}}, tuned_on={"<q>": {}})
    assert not re.search(r"<(b|i|u|s|em|q)>", page)
    told = Cells(page)
    assert f"{odd}, 8 queries" in told.headings
    for row in (
        [odd, "17.2 m"],
        ["views", "<i>view: mode <u>"],
        ["<s>", 'how <em>"'],
        [f"index against exact search, {odd}"],
    ):
        assert any(cells[: len(row)] == row for cells in told.rows)


def test_loss_and_recalls_of_training_are_drawn(render, tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,val/city/R1,train/loss,lr\n0,,1.5,1\n1,40,1.0,1\n2,60,0.5,1\n")
    page = render({"day": DOMAIN})
    captions = re.findall("<figcaption>([a-z ]+) by epochs trained</figcaption>", page)
    assert captions == ["training loss", "validated recall in percent"]
    loss, recall = re.findall(r'<polyline points="(.*?)"', page)[-2:]
    assert loss == "48.0,24.0 330.0,101.3 612.0,178.7"
    assert recall == "330.0,101.3 612.0,24.0"  # along the same epochs; 40 of 60 in 232 pixels
    assert "<title>city R@1 after 3: 60</title>" in page


def test_a_loss_that_is_no_number_is_told_and_one_epoch_is_shown(render, tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,val/a/R1,val/a/R5,train/loss\n0,40,nan,1.5\n1,,,nan\n2,,,nan\n")
    page = render({"day": DOMAIN})
    assert "train/loss (2 not finite)</span>" in page
    assert "a R@5 (1 not finite)</span>" in page
    assert re.findall(r'<circle cx="(.*?)" cy="(.*?)" r="3"><title>.* after', page) == [("48.0", "24.0")] * 2
    assert "nan" not in "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))


def test_a_domain_may_be_called_as_a_part_of_the_page(render):
    page = render({"run": DOMAIN, "recall": DOMAIN, "cost": DOMAIN})
    ids = re.findall(r' id="(.*?)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#(.*?)"', page)) == set(ids)


def test_parts_without_parameters_or_protocol():
    assert protocol_rows({}, {}) == []
    assert protocol_rows({"views": {"name": "hard_resize", "_target_": "x"}, "index": {"_target_": "Mine"}}, {}) == [
        ("views", "hard_resize"),
        ("index", "Mine"),
    ]
    assert step_rows({}, {}) == step_rows({"postprocess": None}, {}) == []
    nested = {"mine": {"_target_": "a.Mine", "inner": {"_target_": "b.C", "deep": [True, None]}, "tiny": 1e-7}}
    assert step_rows({"postprocess": nested}, {"Mine": {"w": 0.5}, "C": {"w": 1.0}}) == [
        ("mine", "inner {deep [true, null]}, tiny 1e-07", "w 0.5")
    ]
