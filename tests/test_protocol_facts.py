"""What a run tells of the protocol of its domains, and that later tasks go by it."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from command_line import results_of
from in_process import work
from mini import name_of, write_image

from geoloc.data.domains import folder
from geoloc.data.protocols import Protocol, members, protocol_of
from geoloc.data.readers import read_places
from geoloc.data.tables import pano_name, shot_name
from geoloc.errors import InputError
from geoloc.tasks.results import place_facts

NET = ["image_size=[64,64]", "backbone.weights=none", "aggregator=gem", "trainer=cpu", "num_workers=0"]
NET += ["trainer.enable_progress_bar=false", "recall_values=[1,3]", "monitor=R1", "saved_predictions=4"]
TILES = 5


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    """Tokyo 24/7 in small: eight panoramas 100 m apart, five tiles each that look alike; names without a time."""
    root = tmp_path_factory.mktemp("datasets")
    test = root / "tokyo247" / "images" / "test"
    for pano in range(8):
        for tile in range(TILES):
            east = 500_000 + 100 * pano + tile / 10
            write_image(test / "database" / name_of(east, tag=f"pano{pano}"), seed=pano, noise=1 + tile)
        write_image(test / "queries" / name_of(500_002 + 100 * pano, tag=f"q{pano}"), seed=70 + pano)
    return root


@pytest.fixture(scope="module")
def run(datasets, tmp_path_factory):
    """Function: name of the domain and what else is typed -> the run's folder."""

    def make(domain, *typed):
        folder = tmp_path_factory.mktemp("runs") / "run"
        return work(folder, "task=test", *NET, f"paths.datasets={datasets}", f"domains@test=[{domain}]", *typed)

    return make


def rows_of(run, name):
    """Query -> its rows in a file of predictions."""
    found = {}
    with (run / "predictions" / name).open(newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["query"], []).append(row)
    return found


def pano_of(name):
    return name.split("@")[7]


@pytest.mark.slow
def test_panoramas_from_test_to_search(run, tmp_path, capsys):
    kept = run("tokyo247_panoramas", "keep_descriptors=true")
    facts = results_of(kept)["domains"]["tokyo247_panoramas"]
    assert facts["protocol"]["panoramas"] is True
    assert "right within 25 m; one hit a panorama\n" in capsys.readouterr().out
    assert "raw_recalls" not in facts  # it is how the domain is searched, and no step after it
    found = rows_of(kept, "tokyo247_panoramas.csv")
    # By sorting all distances.
    vectors = np.load(kept / "descriptors" / "tokyo247_panoramas.npy").astype(np.float64)
    database = read_places(facts["folders"]["database"]).names.tolist()
    queries = read_places(facts["folders"]["queries"]).names.tolist()
    for number, query in enumerate(queries):
        apart = np.linalg.norm(vectors[: 8 * TILES] - vectors[8 * TILES + number], axis=1)
        wanted = []
        for row in np.argsort(apart, kind="stable"):
            if pano_of(database[row]) not in map(pano_of, wanted):
                wanted.append(database[row])
        assert [row["database"] for row in found[query]] == wanted[:4]
    # Every tile counted, other predictions come first.
    tiles = run("tokyo247")
    assert any(len({pano_of(row["database"]) for row in rows}) < 4 for rows in rows_of(tiles, "tokyo247.csv").values())
    # A run that has kept nothing has saved the panoramas, and so has a search of it; or of descriptors.
    bare = run("tokyo247_panoramas")
    for number, source in enumerate((bare, kept)):
        again = work(tmp_path / f"{number}", "task=search", f"run={source}", "postprocess=[geo_dbscan]")
        assert rows_of(again, "tokyo247_panoramas.raw.csv").keys() == found.keys()
        for query, rows in rows_of(again, "tokyo247_panoramas.raw.csv").items():
            assert [row["database"] for row in rows] == [row["database"] for row in found[query]]
        assert results_of(again)["domains"]["tokyo247_panoramas"]["protocol"]["panoramas"] is True


def test_fewer_panoramas_than_recall_asks_for(run, caplog):
    found = run("tokyo247_panoramas", "recall_values=[1,9]", "saved_predictions=9")
    assert "test: tokyo247_panoramas: R@9 counts all 8 panoramas" in caplog.messages
    rows = rows_of(found, "tokyo247_panoramas.csv").values()
    assert {len({pano_of(row["database"]) for row in each[:8]}) for each in rows} == {8}


def test_panoramas_of_which_some_are_unknown(datasets, tmp_path, caplog):
    test = tmp_path / "some" / "images" / "test"
    for number, tag in enumerate(("a", "a", "None", "")):
        write_image(test / "database" / name_of(500_000 + number, tag=tag), seed=number)
    write_image(test / "queries" / name_of(500_001, tag="a", time="20240101"), seed=9)
    domain = folder(tmp_path / "some", protocol=Protocol(panoramas=True))
    assert domain.database.panos.tolist() == ["a", "a", "", ""]
    assert (domain.queries.panos.tolist(), domain.queries.shots.tolist()) == (["a 20240101"], ["a 20240101"])
    assert domain.database.shots.tolist() == ["", "", "", ""]
    assert caplog.messages == ["some: 2 of 4 database images have no panorama id; each counts as one"]
    for image in test.glob("database/*@a@*"):
        image.unlink()
    with pytest.raises(InputError, match="some: its protocol counts one hit a panorama, and no image of"):
        folder(tmp_path / "some", protocol=Protocol(panoramas=True))


def test_a_panorama_and_an_exposure():
    assert [pano_name(*pair) for pair in (("p", "t"), ("p", ""), ("", "t"), ("None", "t"))] == ["p t", "p", "", ""]
    assert [shot_name(*pair) for pair in (("p", "t"), ("p", ""), ("", "t"), ("None", "t"))] == ["p t", "", "", ""]


def test_panoramas_of_a_table(tmp_path):
    for number in range(3):
        write_image(tmp_path / "database" / f"{number}.jpg", seed=number)
    rows = ["path,east,north,pano,time", *(f"{n}.jpg,50000{n},4000000,{p}" for n, p in enumerate(("p,", "p,t", ",t")))]
    (tmp_path / "database.csv").write_text("\n".join(rows))
    places = read_places(tmp_path / "database")
    assert (places.panos.tolist(), places.shots.tolist()) == (["p", "p t", ""], ["", "p t", ""])


@pytest.fixture
def cities(tmp_path):
    """Two cities of three places, and a list of three of the six queries."""
    test = tmp_path / "cities" / "images" / "test"
    for city, north in (("cph", 4_000_000), ("sf", 4_100_000)):
        for place in range(3):
            east = 500_000 + 100 * place
            write_image(test / "database" / city / name_of(east, north), seed=place)
            write_image(test / "queries" / city / name_of(east + 1, north), seed=place, noise=5)
    names = sorted(path.relative_to(test / "queries").as_posix() for path in test.glob("queries/*/*.jpg"))
    (tmp_path / "some.txt").write_text("\n".join(names[:2] + names[5:]) + "\n")
    return tmp_path


def test_counts_are_told_and_the_protocol_is_built_again(cities, monkeypatch):
    monkeypatch.chdir(cities)
    protocol = Protocol(radius=25.0, groups="folder", query_list="some.txt")
    domain = folder("cities", protocol=protocol)
    facts = place_facts(domain)["protocol"]
    path = str(cities.resolve() / "some.txt")  # so that it is found from everywhere
    together = members(domain.database, domain.queries, protocol)
    assert facts == protocol.facts() | {
        "query_list": path,
        "group_count": 2,
        "listed_queries": 3,
        "members": together,
    }
    assert protocol_of(facts) == replace(protocol, query_list=path)
    assert protocol_of({}) == Protocol()
    plain = place_facts(folder("cities"))["protocol"]
    assert plain == Protocol().facts()


def test_a_run_over_cities_and_a_list(cities, tmp_path, capsys, monkeypatch):
    conf = tmp_path / "conf" / "domains"
    conf.mkdir(parents=True)
    (conf / "two.yaml").write_text(
        f"""two:
  _target_: geoloc.data.domains.folder
  path: {cities}/cities
  name: two
  protocol:
    _target_: geoloc.data.protocols.Protocol
    frames: 1
    metres_per_frame: 10.0
    groups: folder
    query_list: {cities}/some.txt
"""
    )
    typed = [f"hydra.searchpath=[file://{tmp_path / 'conf'}]", "domains@test=[two]"]
    run = work(tmp_path / "run", "task=test", *NET, *typed)
    line = "right within 1 frame (15 m); searched within its city (folder): 2 groups; 3 queries of some.txt"
    assert f"\n{line}\n" in capsys.readouterr().out
    assert line in (run / "report.html").read_text()
    facts = results_of(run)["domains"]["two"]
    assert (facts["queries"], facts["radius_m"]) == (3, 15.0)
    assert {key: facts["protocol"][key] for key in ("group_count", "listed_queries")} == {
        "group_count": 2,
        "listed_queries": 3,
    }
    monkeypatch.chdir(tmp_path)
    again = work(tmp_path / "again", "task=search", f"run={run}")
    assert results_of(again)["domains"]["two"]["protocol"] == facts["protocol"]
    assert results_of(again)["domains"]["two"]["recalls"] == facts["recalls"]
