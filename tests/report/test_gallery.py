"""The data of the gallery and the map, worked out by hand."""

import csv
import json

import numpy as np
import pytest
from mini import write_image
from PIL import Image

from geoloc.data.domains import Domain, folder
from geoloc.data.images import read_image
from geoloc.earth import from_latlon
from geoloc.errors import InputError
from geoloc.places import PlaceSet
from geoloc.predictions import Predictions
from geoloc.report.cost import domain_costs, network_rows
from geoloc.report.gallery import as_json, galleries
from geoloc.report.judged import read_judged
from geoloc.report.places import read_places, write_places
from geoloc.report.predictions import write_predictions
from geoloc.report.recall_chart import recall_chart

# Query i of the mini city stands 2 m from database images 2 i and 2 i + 1; places are 100 m apart.
IDS = np.array([[0, 1, 2], [5, 4, 2], [9, 8, 7], [6, 7, 0], [0, 10, 8], [11, 10, 9]])
RAW = np.array([[2, 1, 0], [2, 4, 5], [9, 8, 7], [6, 7, 0], [8, 10, 0], [11, 10, 9]])
FIRST, RAW_FIRST = [1, 3, 0, 1, 3, 1], [2, 1, 0, 1, 1, 1]


def right(ids):
    return ids // 2 == np.arange(6)[:, None]


@pytest.fixture
def judged(mini_city, tmp_path):
    """A run's folder with predictions of the mini city, and its facts."""
    domain = folder(mini_city, name="mini")
    for name, ids in (("mini.csv", IDS), ("mini.raw.csv", RAW)):
        distances = np.linspace(0.1, 0.9, ids.size, dtype=np.float32).reshape(ids.shape)
        write_predictions(tmp_path / "predictions" / name, domain, Predictions(ids, distances, 12), right(ids))
    write_places(tmp_path / "predictions" / "mini.places.csv", domain, np.array([2, 2, 2, 2, 2, 0]))
    roots = {side: str(getattr(domain, side).root) for side in ("database", "queries")}
    return tmp_path, domain, {"recalls": {"1": 50.0, "3": 80.0, "9": 80.0}, "radius_m": 25.0, "folders": roots}


def test_rows_of_the_gallery_by_hand(judged):
    run, domain, facts = judged
    data = galleries(run, {"mini": facts}, 2, run)["mini"]
    assert data["queries"] == domain.queries.names.tolist()
    assert (data["first"], data["raw"], data["k"], data["ns"]) == (FIRST, RAW_FIRST, 3, [1, 3])
    assert data["answerable"] == [1, 1, 1, 1, 1, 0]
    # Query 2 has none right. 1 and 4 are right at rank 3: 4 is 402 m off, 1 only 102 m (image 5 stands at 204 m). Then
    # those at rank 1: 0 and 3 are each 2 m off, in their order; 5 comes last, since it is said to have no right image.
    assert data["hard"] == [2, 4, 1, 0, 3, 5]
    assert [data["base"][row] for row in data["found"][1]] == domain.database.names[[5, 4, 2]].tolist()
    assert data["metres"][1] == [102.0, 98.0, 2.0]
    assert data["right"][1] == [0, 0, 1]
    assert data["condition"] == [0] * 6
    assert data["conditions"] == [""]
    # Half of two for the hardest wrong one, the other for the first of the rest; and each photo once.
    assert list(data["thumbs"]["queries"]) == [2, 0]
    shown = {data["base"][row] for row in data["thumbs"]["base"]}
    assert shown == set(domain.database.names[[9, 8, 7, 0, 1, 2]])
    for side in ("database", "queries"):
        root = getattr(domain, side).root.resolve()
        assert (run / data["roots"][side]).resolve() == root
        assert data["files"][side] == f"file://{root}"
    assert (data["frame"], data["north"]) == (None, True)
    assert not galleries(run, {"mini": facts | {"coordinates": "local"}}, 0, run)["mini"]["north"]
    by_frames = facts | {"recalls": {"5": 80.0}, "protocol": {"frames": 10, "metres_per_frame": 2.5}}
    data = galleries(run, {"mini": by_frames}, 0, run)["mini"]
    assert (data["frame"], data["ns"]) == (2.5, [3])  # R@5 of three predictions is R@3


def test_places_of_the_map_by_hand(judged):
    run, _, facts = judged
    drawn = galleries(run, {"mini": facts}, 0, run)["mini"]["map"]
    assert drawn["areas"] == 1
    # From the corner, which is database image 0; 540 km east in zone 17 is 81 W plus 0.44 degrees.
    assert [row[:3] for row in drawn["queries"]] == [[0, 100.0 * i + 2, 0.0] for i in range(6)]
    assert drawn["queries"][0][3:] == pytest.approx([36.144, -80.555], abs=0.001)
    assert sorted(drawn["cloud"]) == [[0, 100.0 * i + shift, 0.0] for i in range(6) for shift in (0, 4)]
    assert drawn["distinct"] == 12


def test_an_older_run_has_no_map_and_no_photo_need_be_there(judged):
    run, _, facts = judged
    (run / "predictions" / "mini.places.csv").unlink()
    (run / "predictions" / "mini.raw.csv").unlink()
    gone = {"database": str(run / "gone"), "queries": str(run / "gone")}
    data = galleries(run, {"mini": facts | {"folders": gone}}, 6, run)["mini"]
    assert data["map"] is None
    assert data["raw"] is None
    assert data["answerable"] == [1] * 6
    assert data["thumbs"] == {"queries": {}, "base": {}}


def test_pictures_of_what_made_the_match(judged, monkeypatch, caplog):
    """A wrong query and a right one; a picture that is gone, and one of a query that is not there."""
    run, domain, facts = judged
    (run / "attention" / "mini").mkdir(parents=True)
    for number in (1, 2):
        Image.new("RGB", (2, 2)).save(run / "attention" / "mini" / f"{number}.jpg")
    query, found = domain.queries.names.tolist(), domain.database.names.tolist()
    lines = ["query,database,role,file,similarity"]
    lines += [f"{query[4]},{found[0]},prediction,attention/mini/1.jpg,0.912345"]
    lines += [f"{query[4]},{found[8]},positive,attention/mini/1.jpg,0.700000"]
    lines += [f"{query[3]},{found[6]},prediction,attention/mini/2.jpg,0.950000"]
    lines += [f"{query[5]},{found[9]},prediction,attention/mini/3.jpg,0.5", "no.jpg,no.jpg,prediction,mini/1.jpg,0.5"]
    (run / "attention" / "mini.csv").write_text("\n".join(lines) + "\n")
    data = galleries(run, {"mini": facts}, 0, run)["mini"]
    assert list(data["attention"]) == [4, 3]
    assert data["attention"][4]["shown"] == [("prediction", found[0], 0.912345), ("positive", found[8], 0.7)]
    assert data["attention"][3]["shown"] == [("prediction", found[6], 0.95)]
    assert all(each["src"].startswith("data:image/jpeg;base64,/9j/") for each in data["attention"].values())
    assert list(data["thumbs"]["queries"]) == [4, 3]  # their photos are held whatever report_queries is
    size = (run / "attention" / "mini" / "1.jpg").stat().st_size
    monkeypatch.setattr("geoloc.report.attention_files.MOST", size)
    with caplog.at_level("INFO"):
        data = galleries(run, {"mini": facts}, 0, run)["mini"]["attention"]
    assert (data[4]["src"][:5], data[3]["src"]) == ("data:", "attention/mini/2.jpg")
    assert "report.html: 1 of 2 attention pictures of mini stay files beside it" in caplog.messages


def test_places_are_read_as_they_were_written(judged):
    run, domain, _ = judged
    places = read_places(run / "predictions" / "mini.places.csv")
    assert places["queries"].names == domain.queries.names.tolist()
    assert places["database"].xy == pytest.approx(domain.database.xy)
    assert places["queries"].positives.tolist() == [2, 2, 2, 2, 2, 0]
    back, zones = from_latlon(places["queries"].latlon)
    assert back == pytest.approx(domain.queries.xy, abs=0.02)  # degrees with 7 decimals are a centimetre
    assert set(zones) == {"17 north"}
    assert read_places(run / "none.csv") is None
    with pytest.raises(InputError, match=r"mini.csv: must have the columns side, name, area, east"):
        read_places(run / "predictions" / "mini.csv")


def test_cities_of_several_zones_are_areas_of_their_own(tmp_path):
    # Two places 0.001 degrees of latitude apart (111 m), in Milan and in Philadelphia.
    latlon = np.array([[45.46, 9.19], [45.461, 9.19], [39.95, -75.19], [39.951, -75.19]])
    xy, zones = from_latlon(latlon)
    sides = [PlaceSet(tmp_path, np.array([f"{s}{i}.jpg" for i in range(4)]), xy, zones) for s in "dq"]
    write_places(tmp_path / "p.csv", Domain("two", *sides), np.ones(4, np.int64))
    found = read_places(tmp_path / "p.csv")["queries"]
    assert len(set(found.areas[:2])) == len(set(found.areas[2:])) == 1
    assert found.areas[0] != found.areas[2]
    for pair in ([0, 1], [2, 3]):
        assert np.linalg.norm(np.diff(found.xy[pair], axis=0)) == pytest.approx(111.1, abs=0.2)
    assert found.latlon == pytest.approx(latlon, abs=1e-5)


def test_a_local_frame_has_no_degrees(tmp_path):
    sides = [PlaceSet(tmp_path, np.array([f"{s}.jpg"]), np.zeros((1, 2)), coordinates="local") for s in "dq"]
    write_places(tmp_path / "p.csv", Domain("room", *sides), np.ones(1, np.int64))
    with (tmp_path / "p.csv").open() as file:
        assert [(row["side"], row["east"], row["lat"], row["positives"]) for row in csv.DictReader(file)] == [
            ("database", "0.00", "", ""),
            ("queries", "0.00", "", "1"),
        ]


def test_first_ranks_count_all_predictions_though_few_are_shown(judged):
    found = read_judged(judged[0] / "predictions" / "mini.csv", 2)
    assert found.first.tolist() == FIRST
    assert {len(row) for row in found.found + found.meters + found.right + found.distances} == {2}


def test_recall_chart_by_hand():
    chart = recall_chart({"mini": np.array([3, 3, 5])}, {"mini": 6})
    (curve,) = chart.curves
    # The plot spans x 48..612 and y 24..256; 3 of 6 are 50 %, 5 of 6 are 83.3 %; ln 2 / ln 3 = 0.631.
    assert curve.line == "48.0,140.0 403.8,140.0 612.0,62.7"
    assert [(n, round(recall, 1)) for *_, n, recall in curve.dots] == [(1, 50.0), (2, 50.0), (3, 83.3)]
    # Wilson by its formula: p = 1/2, n = 6, z = 1.959964: centre 1/2, half-width z sqrt(1/24 + z^2/144) / (1 + z^2/6).
    z = 1.959964
    half = 100 * z * (1 / 24 + z * z / 144) ** 0.5 / (1 + z * z / 6)
    low, *_, high = [float(point.split(",")[1]) for point in curve.band.split()]
    assert (low, high) == pytest.approx((140 + 2.32 * half, 140 - 2.32 * half), abs=0.06)
    assert chart.ranks == ((48.0, 1), (403.8, 2), (612.0, 3))


def test_costs_by_hand():
    facts = {"queries": 10, "database": 30, "seconds": {"extract": 2.0, "search": 0.005}}
    costs = domain_costs({"a": facts, "old": {"queries": 1, "database": 1}}, 256)
    assert costs["a"] == ["40", "50 ms", "30.7 kB", "0.5 ms", "-"]  # 30 x 256 x 4 bytes
    assert costs["old"] == ["2", "-", "1.02 kB", "-", "-"]
    model = {"backbone": {"_target_": "a.B"}, "aggregator": {"_target_": "c.D"}, "parameters": 2_500_000}
    model |= {"trainable_parameters": 500_000, "size_mb": 9.5, "flops": 3.21e9, "image_size": [480, 640]}
    rows = dict(network_rows(model | {"descriptor_dim": 4096, "weights": "none"}))
    assert rows["parameters"] == "2.50 M (0.50 M trainable)"
    assert rows["operations of one image"].startswith("3.21 GFLOPs")
    assert rows["descriptor"] == "4096 values, 16.4 kB as float32"


def test_names_cannot_end_the_script():
    data = {"name": "</script><script>alert(1)</script>"}
    text = str(as_json(data))
    assert "<" not in text
    assert json.loads(text) == data


def test_a_small_picture_needs_no_full_decoding(tmp_path):
    path = write_image(tmp_path / "big.jpg", 1, size=(800, 1200))
    small = read_image(path, at_least=(160, 120))
    assert small.size == (300, 200)  # an eighth would be 150 wide
    assert read_image(path).size == (1200, 800)
