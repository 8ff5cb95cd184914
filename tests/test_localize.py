"""task=localize as a user calls it: photos without positions, a database with them, and what is left behind."""

from __future__ import annotations

import csv
import json
import logging
import shutil

import numpy as np
import pytest
import torch
from command_line import results_of
from in_process import job_of, work
from mini import name_of, write_image, write_side
from networks import spec_of
from phone import gps, write_photo
from PIL import Image

from geoloc.data.georeferenced import photos_with_positions
from geoloc.earth import to_latlon
from geoloc.errors import InputError
from geoloc.net import DescriptorNet
from geoloc.place_index import adding
from geoloc.place_index.index import Index
from geoloc.tasks import localize as localize_task

PLACES = 8
FIRST = 540_000.0
NORTH = 4_000_000.0
QUIET = ["trainer=cpu", "num_workers=0", "trainer.enable_progress_bar=false"]


def east_of(place):
    return FIRST + 100 * place


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A database of two photos at each of eight places 100 m apart, and a photo of each place that says nothing."""
    root = tmp_path_factory.mktemp("photos")
    eastings = [east_of(place) + shift for place in range(PLACES) for shift in (0, 4)]
    write_side(root / "database", eastings, noise=1)
    for place in range(PLACES):
        name = f"{'holiday/' if place % 2 else ''}img_{place}.jpg"
        write_image(root / "queries" / name, seed=round(east_of(place) / 100), noise=100 + place)
    return root


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """The folder of a network of random weights; the photos of a place look alike to it."""
    folder = tmp_path_factory.mktemp("network")
    torch.manual_seed(0)
    DescriptorNet.from_spec(spec_of(aggregator="gem", size=(64, 64)), load=False).save(folder)
    return folder


@pytest.fixture
def localize(network, photos, tmp_path):
    """Function: what is typed besides -> the run's folder."""
    count = iter(range(9))

    def run(*typed, queries=photos / "queries", database=photos / "database", net=network):
        named = [f"checkpoint={net}", f"queries={queries}", f"database={database}"]
        return work(tmp_path / f"run{next(count)}", "task=localize", *QUIET, *named, *typed)

    return run


@pytest.fixture(scope="module")
def plain(network, photos, tmp_path_factory):
    """The folder of a run with nothing else typed."""
    named = [f"checkpoint={network}", f"queries={photos / 'queries'}", f"database={photos / 'database'}"]
    return work(tmp_path_factory.mktemp("plain") / "run", "task=localize", *QUIET, *named)


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_photos_of_a_folder_are_found_where_their_places_are(localize, photos, capsys):
    run = localize("saved_predictions=2")
    rows = rows_of(run / "answers.csv")
    assert [row["photo"] for row in rows] == sorted(row["photo"] for row in rows)
    assert len(rows) == PLACES
    for row in rows:
        place = int(row["photo"][-5])
        # Of two candidates, at 0 m and 4 m of the place, the better one weighs more.
        assert east_of(place) <= float(row["east"]) <= east_of(place) + 4
        assert float(row["north"]) == NORTH
        assert row["zone"] == "17 north"
        where = to_latlon(np.array([[float(row["east"]), NORTH]]), np.array(["17 north"]))[0]
        assert [float(row["lat"]), float(row["lon"])] == pytest.approx(where, abs=1e-6)
        assert (row["status"], row["confidence"], row["expected_error_m"], row["error_m"]) == ("answered", "", "", "")
        assert row["support"] == "1.0"
    printed = capsys.readouterr().out
    assert "holiday/img_1.jpg" in printed
    assert f"{PLACES} answered" in printed


def test_geojson_has_longitude_first_and_no_nan(plain):
    text = (plain / "answers.geojson").read_text()
    found = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    rows = {row["photo"]: row for row in rows_of(plain / "answers.csv")}
    assert found["type"] == "FeatureCollection"
    assert len(found["features"]) == PLACES
    for feature in found["features"]:
        lon, lat = feature["geometry"]["coordinates"]
        row = rows[feature["properties"]["photo"]]
        assert (feature["type"], feature["geometry"]["type"]) == ("Feature", "Point")
        assert (lon, lat) == (float(row["lon"]), float(row["lat"]))
        assert -81 < lon < -80  # zone 17, east of its meridian
        assert feature["properties"]["confidence"] is None
        assert feature["properties"]["status"] == "answered"


def test_predictions_are_the_candidates_of_each_photo(localize, photos):
    run = localize("saved_predictions=3")
    rows = rows_of(run / "predictions.csv")
    assert len(rows) == 3 * PLACES
    assert [row["rank"] for row in rows[:3]] == ["1", "2", "3"]
    for row in rows:
        assert (photos / "database" / row["database"]).is_file()
        assert float(row["east"]) == float(row["database"].split("@")[1])
    distances = np.array([float(row["distance"]) for row in rows]).reshape(PLACES, 3)
    assert (np.diff(distances, axis=1) >= 0).all()


def test_a_second_call_searches_the_index_of_the_first(localize, plain, photos, tmp_path, caplog):
    moved = tmp_path / "moved"
    shutil.copytree(photos / "queries", moved)
    with caplog.at_level(logging.INFO):
        second = localize(database=plain / "index", queries=moved)
    assert "database: 16 photos of the index" in caplog.text
    assert not (second / "index").exists()
    assert (second / "answers.csv").read_text() == (plain / "answers.csv").read_text()
    assert results_of(second)["localization"]["database"]["index"] == str((plain / "index").resolve())


def test_one_photo(localize, photos):
    run = localize(queries=photos / "queries" / "img_4.jpg")
    (row,) = rows_of(run / "answers.csv")
    assert row["photo"] == "img_4.jpg"
    assert abs(float(row["east"]) - east_of(4)) <= 4
    page = (run / "report.html").read_text()
    assert "Where this photo was taken" in page
    assert "How it was found" in page


def test_an_unreadable_photo_loses_nothing_of_the_others(network, photos, tmp_path):
    queries = tmp_path / "queries"
    shutil.copytree(photos / "queries", queries)
    (queries / "img_2.jpg").write_bytes(b"no image at all")
    run = tmp_path / "run"
    named = [f"checkpoint={network}", f"queries={queries}", f"database={photos / 'database'}"]
    with pytest.raises(InputError, match=r"1 of 8 photos cannot be read; .*img_2\.jpg"):
        work(run, "task=localize", *QUIET, *named)
    rows = {row["photo"]: row for row in rows_of(run / "answers.csv")}
    assert [name for name, row in rows.items() if row["status"] != "answered"] == ["img_2.jpg"]
    assert (rows["img_2.jpg"]["status"], rows["img_2.jpg"]["lat"]) == ("unreadable", "")
    assert "cannot be read" in rows["img_2.jpg"]["reason"]
    assert abs(float(rows["img_4.jpg"]["east"]) - east_of(4)) <= 4  # no row has slipped
    assert len(json.loads((run / "answers.geojson").read_text())["features"]) == PLACES - 1
    assert results_of(run)["localization"]["photos"] == {"answered": 7, "unknown": 0, "unreadable": 1}
    assert "img_2.jpg" in (run / "report.html").read_text()


def test_photos_of_which_none_can_be_read_are_refused_before_the_database_is_described(network, photos, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (broken / name).write_text("no photo")
    typed = [f"checkpoint={network}", f"queries={broken}", f"database={photos / 'database'}"]
    with pytest.raises(InputError, match=r"none of 2 photos can be read: .*a\.jpg: cannot be read"):
        work(tmp_path / "run", "task=localize", *QUIET, *typed)
    assert not (tmp_path / "run" / "index").exists()


def test_positions_that_photos_say_show_the_error_and_nothing_else(localize, photos, tmp_path):
    said, silent = tmp_path / "said", tmp_path / "silent"
    source = photos / "queries" / "img_4.jpg"
    for folder in (said, silent):
        folder.mkdir()
    shutil.copy(source, silent / "a.jpg")
    shutil.copy(source, silent / "b.jpg")
    shutil.copy(source, said / name_of(east_of(4) + 30, NORTH + 40))
    lat, lon = to_latlon(np.array([[east_of(7), NORTH]]), np.array(["17 north"]))[0]
    write_photo(said / "gps.jpg", gps(lat, lon), image=Image.open(source))
    rows = {row["photo"]: row for row in rows_of(localize(queries=said) / "answers.csv")}
    others = rows_of(localize(queries=silent) / "answers.csv")
    assert [row["error_m"] for row in others] == ["", ""]
    named, photo = rows[name_of(east_of(4) + 30, NORTH + 40)], rows["gps.jpg"]
    assert named["east"] == others[0]["east"]
    assert float(named["error_m"]) == pytest.approx(np.hypot(east_of(4) + 30 - float(named["east"]), 40), abs=0.06)
    assert float(photo["error_m"]) == pytest.approx(east_of(7) - float(photo["east"]), abs=0.1)


def test_photos_that_are_in_the_database_are_warned_of(localize, photos, caplog):
    localize(queries=photos / "database")
    assert "16 of 16 photos are in the database too" in caplog.text


def test_a_local_frame_has_no_geojson(localize, tmp_path, caplog):
    database = tmp_path / "local"
    write_side(database, [0.0, 100.0, 200.0], noise=1)
    run = localize("coordinates=local", database=database)
    assert not (run / "answers.geojson").exists()
    assert "no answers.geojson, for the positions of the database are in a local frame" in caplog.text
    assert {row["lat"] for row in rows_of(run / "answers.csv")} == {""}
    assert all(0 <= float(row["east"]) <= 200 for row in rows_of(run / "answers.csv"))


@pytest.mark.parametrize(
    ("typed", "named", "line"),
    [
        ([], {"queries": "nowhere"}, "queries=.*nowhere: no such file or folder"),
        ([], {"database": "nowhere"}, "database=.*nowhere: no such file or folder"),
        ([], {"queries": "empty"}, "empty: no images"),
        ([], {"database": "empty"}, "empty: no images"),
        ([], {"database": "queries"}, "none of 8 photos has a position"),
        ([], {"net": "nowhere"}, "checkpoint=.*nowhere: no such file"),
        (["loss=sare_ind"], {}, "loss: has no effect on task=localize"),
        (["recall_values=[1,5]"], {}, "recall_values: has no effect on task=localize"),
        (["trainer=ddp"], {}, "trainer: photos are located on one device"),
        (["trainer.max_epochs=3"], {}, "trainer.max_epochs: has no effect"),
        (["postprocess=[panoramas]"], {}, "panoramas needs panorama ids"),
        (["postprocess=[geo_density]"], {}, "geo_density is tuned on val domains"),
        (["image_size=[16,16]"], {}, "image_size"),
    ],
)
def test_wrong_input_is_one_line(localize, photos, tmp_path, typed, named, line):
    (tmp_path / "empty").mkdir()
    paths = {key: photos / name if (photos / name).is_dir() else tmp_path / name for key, name in named.items()}
    with pytest.raises(InputError, match=line) as error:
        localize(*typed, **paths)
    assert len(error.value.problems) == 1


def test_all_that_is_missing_is_told_at_once(localize, photos, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.ckpt").write_text("no checkpoint")
    with pytest.raises(InputError) as error:
        localize(queries=tmp_path / "empty", database=photos / "queries", net=tmp_path / "text.ckpt")
    assert len(error.value.problems) == 3


def test_a_data_set_is_told_which_of_its_folders_is_a_database(localize, photos, tmp_path):
    shutil.copytree(photos, tmp_path / "city" / "images" / "test")
    with pytest.raises(InputError, match="city/images/test/database"):
        localize(database=tmp_path / "city")


def test_an_index_of_another_network_is_refused(localize, plain, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    torch.manual_seed(1)
    DescriptorNet.from_spec(spec_of(aggregator="gem", size=(64, 64)), load=False).save(other)
    with pytest.raises(InputError, match="holds descriptors of another network"):
        localize(database=plain / "index", net=other)
    with pytest.raises(InputError, match=r"is a run.s folder; its index is database="):
        localize(database=plain)
    with pytest.raises(InputError, match="coordinates: has no effect on database="):
        localize("coordinates=utm", database=plain / "index")


def test_both_are_needed_and_only_here(photos, tmp_path):
    with pytest.raises(InputError, match="queries: must be given") as error:
        work(tmp_path / "a", "task=localize", "checkpoint=x")
    assert any("database: must be given" in line for line in error.value.problems)
    with pytest.raises(InputError, match="queries: has an effect on task=localize, task=demo alone"):
        work(tmp_path / "b", "task=test", f"queries={photos / 'queries'}")


def test_no_checkpoint_is_refused_unless_a_network_is_typed(photos, tmp_path):
    named = [f"queries={photos / 'queries'}", f"database={photos / 'database'}"]
    with pytest.raises(InputError, match="checkpoint: must be given: checkpoint=PATH"):
        work(tmp_path / "a", "task=localize", *named)
    with pytest.raises(InputError, match="random weights or random clusters"):
        work(tmp_path / "b", "task=localize", *named, "backbone=resnet18", "backbone.weights=none", "aggregator=gem")


@pytest.mark.parametrize("view", ["five_crops", "nearest_crop", "maj_voting", "central_crop", "single_query"])
def test_views_find_the_same_places(localize, view):
    run = localize(f"views={view}")
    off = [abs(float(row["east"]) - east_of(int(row["photo"][-5]))) for row in rows_of(run / "answers.csv")]
    assert np.median(off) <= 4
    assert results_of(run)["protocol"]["views"]["name"] == view


def test_steps_engines_and_scales_work_as_in_a_test(localize):
    run = localize("postprocess=[alpha_qe,geo_dbscan]", "index=faiss_hnsw", "multiscale=down")
    off = [abs(float(row["east"]) - east_of(int(row["photo"][-5]))) for row in rows_of(run / "answers.csv")]
    assert max(off) <= 4
    assert list(results_of(run)["protocol"]["postprocess"]) == ["alpha_qe", "geo_dbscan"]
    with pytest.raises(InputError, match="multiscale"):  # the database was seen at several scales
        localize(database=run / "index")


def test_a_resumed_run_describes_only_what_is_left(network, photos, tmp_path, monkeypatch):
    run = tmp_path / "run"
    run.mkdir()
    net = DescriptorNet.load(network)
    part = photos_with_positions(photos / "database").select(np.arange(10))
    Index.build(net, part, run / "index", workers=0)
    asked = []
    original = adding.described
    monkeypatch.setattr(adding, "described", lambda net, paths, *how: asked.extend(paths) or original(net, paths, *how))
    named = [f"checkpoint={network}", f"queries={photos / 'queries'}", f"database={photos / 'database'}"]
    localize_task.do(job_of(run, "task=localize", *QUIET, *named))
    assert sorted(asked) == sorted((photos / "database").iterdir())[10:]
    assert len(rows_of(run / "answers.csv")) == PLACES


def test_a_broken_database_photo_is_named(localize, photos, tmp_path):
    database = tmp_path / "database"
    shutil.copytree(photos / "database", database)
    broken = sorted(database.iterdir())[3]
    broken.write_bytes(b"nothing")
    with pytest.raises(InputError, match=f"{broken.name}: cannot be read"):
        localize(database=database)


def test_photos_of_a_drive_help_each_other(network, photos, tmp_path):
    """One of them shows another place than where it was taken; in the sequence it is found where its neighbours say."""
    drive = tmp_path / "drive"
    for place in range(PLACES):
        shown = 7 if place == 3 else place
        write_image(drive / f"frame_{place}.jpg", seed=round(east_of(shown) / 100), noise=100 + place)
    eastings = {}
    for chain in ("none", "sequence"):
        run = tmp_path / chain
        named = [f"checkpoint={network}", f"queries={drive}", f"database={photos / 'database'}"]
        work(
            run,
            "task=localize",
            *QUIET,
            *named,
            f"postprocess=[{chain}]",
            *["postprocess.sequence.fastest=120"] * (chain == "sequence"),
        )
        eastings[chain] = [float(row["east"]) for row in rows_of(run / "answers.csv")]
    assert abs(eastings["none"][3] - east_of(7)) <= 4
    assert abs(eastings["sequence"][3] - east_of(3)) <= 4
    with pytest.raises(InputError, match="8 of 8 queries have no time"):
        work(
            tmp_path / "time",
            "task=localize",
            *QUIET,
            *named,
            "postprocess=[sequence]",
            "postprocess.sequence.order=time",
        )
