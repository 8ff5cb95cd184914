"""Search within groups: two cities in one domain (field fault C2)."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import results_of
from in_process import work
from mini import name_of, write_image

from geoloc.data.domains import Domain
from geoloc.data.protocols import Protocol
from geoloc.errors import InputError
from geoloc.index.exact import Exact
from geoloc.index.faiss_hnsw import FaissHnsw
from geoloc.places import PlaceSet
from geoloc.predictions import Descriptors
from geoloc.report.predictions import read_predictions
from geoloc.result import scores_of
from geoloc.search import find, fitted_for
from geoloc.views.hard_resize import HardResize
from geoloc.views.nearest_crop import NearestCrop

# Two cities with the same file names, 100 m a place, in zones in which their numbers are the same too.
ZONES = {"a": "17 north", "b": "33 north"}
DATABASE = np.array([0, 10, 20, 1, 11, 21], np.float32)[:, None]
# By hand: the first lies nearest to place 0 of the other city; the last is nearer to place 2 of its city than to 1.
QUERIES = np.array([0.9, 19, 4, 16.5], np.float32)[:, None]
ASKED = [("a", 0), ("a", 2), ("b", 0), ("b", 1)]
NET = ["image_size=[64,64]", "backbone.weights=none", "aggregator=gem", "trainer=cpu", "num_workers=0"]


def places(rows):
    names = np.array([f"{city}/{place}.jpg" for city, place in rows])
    xy = np.array([[500_000 + 100.0 * place, 4e6] for _, place in rows])
    return PlaceSet(Path("nowhere"), names, xy, zones=np.array([ZONES[city] for city, _ in rows]))


def cities(groups):
    database = places([(city, place) for city in "ab" for place in range(3)])
    return Domain("cities", database, places(ASKED), Protocol(groups=groups))


def found(domain, index, k=20, view=None, crops=1, own=None):
    vectors = Descriptors(np.concatenate([DATABASE, QUERIES.repeat(crops, axis=0)]), len(DATABASE))
    own = np.arange(4) if own is None else own
    built = fitted_for(domain, index, vectors.database, None, "")
    return find(domain, vectors, own, index, built, view or HardResize(), [], k)


def recalls(domain, predictions):
    scores = scores_of(predictions, domain.positives(25), [1, 5], 25)
    return scores.recalls


def test_recall_by_city_and_of_one_database():
    apart, pooled = cities("folder"), cities("none")
    raw = found(apart, Exact()).raw
    assert raw.ids.tolist() == [[0, 1, 2], [2, 1, 0], [3, 4, 5], [5, 4, 3]]  # k is the size of a city
    assert raw.distances[3].tolist() == pytest.approx([4.5, 5.5, 15.5])
    assert recalls(apart, raw) == {1: 75.0, 5: 100.0}
    raw = found(pooled, Exact()).raw
    assert raw.ids[:, 0].tolist() == [3, 2, 3, 2]
    assert raw.ids.shape == (4, 6)
    assert recalls(pooled, raw) == {1: 50.0, 5: 100.0}


def test_some_queries_and_crops_find_what_all_find():
    domain = cities("folder")
    every = found(domain, Exact()).raw
    few = found(domain, Exact(), own=np.array([1, 3])).raw
    assert few.ids.tolist() == every.ids[[1, 3]].tolist()
    crops = found(domain, Exact(), view=NearestCrop(), crops=5).raw
    assert crops.ids.tolist() == every.ids.tolist()


def test_an_approximate_index_is_judged_within_the_groups(tmp_path):
    domain, index = cities("folder"), FaissHnsw(m=4)
    got = found(domain, index, k=3)
    assert (got.quality.k, got.quality.r1, got.quality.rk) == (3, 1.0, 1.0)
    assert got.raw.ids.tolist() == found(domain, Exact(), k=3).raw.ids.tolist()
    path = tmp_path / "cities.faiss_hnsw"
    fitted_for(domain, index, DATABASE, path, "model")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["cities.0.faiss_hnsw", "cities.1.faiss_hnsw"]


@pytest.fixture(scope="module")
def two_cities(tmp_path_factory):
    """Photos of the same places in both cities; the queries of one city resemble its database."""
    root = tmp_path_factory.mktemp("two") / "cities"
    for city, zone, letter in (("a", 17, "T"), ("b", 33, "U")):
        for place in range(6):
            for side, shift, noise in (("database", 0, 1), ("database", 4, 2), ("queries", 2, 100)):
                name = name_of(500_000 + 100 * place + shift).replace("@17@T@", f"@{zone}@{letter}@")
                write_image(root / "images/test" / side / city / name, seed=place, noise=noise + ord(city))
    return root


def test_a_run_says_its_protocol_and_task_search_keeps_it(two_cities, tmp_path):
    asked = [*NET, f"test_folders=[{two_cities}]", "recall_values=[1,5]", "saved_predictions=5"]
    run = work(tmp_path / "apart", "task=test", *asked, "groups=folder", "keep_descriptors=true")
    facts = results_of(run)["domains"]["cities"]
    assert facts["protocol"]["groups"] == "folder"
    assert (facts["queries"], facts["database"]) == (12, 24)
    for line in (run / "predictions/cities.csv").read_text().splitlines()[1:]:
        query, _, database, *_ = line.split(",")
        assert query[:2] == database[:2]
    pooled = work(tmp_path / "pooled", "task=test", *asked)
    assert "/" in (pooled / "predictions/cities.csv").read_text().splitlines()[1]
    mixed = [line.split(",") for line in (pooled / "predictions/cities.csv").read_text().splitlines()[1:]]
    assert any(query[:2] != database[:2] for query, _, database, *_ in mixed)
    far = [float(meters) for query, _, database, _, meters, *_ in mixed if query[:2] != database[:2]]
    assert min(far) > 5_000_000  # metres: the cities lie on two continents, though their numbers are the same
    again = work(tmp_path / "again", "task=search", f"run={run}")
    assert results_of(again)["domains"]["cities"]["recalls"] == facts["recalls"]
    assert (again / "predictions/cities.csv").read_text() == (run / "predictions/cities.csv").read_text()


def test_a_group_with_too_few_images_is_refused(two_cities, tmp_path):
    for path in sorted((two_cities / "images/test/database/a").iterdir())[3:]:
        target = tmp_path / "few/images/test/database/b" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    for city, kept in (("a", 3), ("b", 0)):
        for path in sorted((two_cities / f"images/test/database/{city}").iterdir())[:kept]:
            target = tmp_path / f"few/images/test/database/{city}" / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
        query = sorted((two_cities / f"images/test/queries/{city}").iterdir())[0]
        target = tmp_path / f"few/images/test/queries/{city}" / query.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(query.read_bytes())
    few = [*NET, f"test_folders=[{tmp_path / 'few'}]", "groups=folder"]
    with pytest.raises(InputError, match=r"few: R@5 is asked for, and the group a has only 3 database images"):
        work(tmp_path / "run", "task=test", *few)
    work(tmp_path / "fine", "task=test", *few, "recall_values=[1,3]", "monitor=R3")
    facts = results_of(tmp_path / "fine")["domains"]["few"]
    assert list(facts["recalls"]) == ["1", "3"]


def test_predictions_are_read_back(two_cities, tmp_path):
    run = work(tmp_path / "run", "task=test", *NET, f"test_folders=[{two_cities}]", "groups=folder")
    from geoloc.tasks.saved import open_run

    domain = open_run(run).domain("cities")
    assert domain.protocol == Protocol(radius=25.0, groups="folder")
    assert read_predictions(run / "predictions/cities.csv", domain).ids.shape == (12, 12)


def test_search_knows_how_deep_the_groups_are(two_cities, tmp_path, caplog):
    """Both cities have 12 images: R@20 counts them all, in task=search too, where no descriptors are kept."""
    run = work(tmp_path / "run", "task=test", *NET, f"test_folders=[{two_cities}]", "groups=folder")
    caplog.clear()
    again = work(tmp_path / "again", "task=search", f"run={run}", "postprocess=[geo_dbscan]")
    assert results_of(again)["domains"]["cities"]["raw_recalls"] == results_of(run)["domains"]["cities"]["recalls"]
    assert "cities: R@20 counts all 12 database images" in caplog.text


@pytest.fixture
def uneven(two_cities, tmp_path):
    """City b with two images fewer, in a table that says the cities."""
    root = tmp_path / "uneven"
    shutil.copytree(two_cities, root)
    for path in sorted((root / "images/test/database/b").iterdir())[:2]:
        path.unlink()
    for side in ("database", "queries"):
        folder = root / "images/test" / side
        lines = [
            f"{city.name}/{path.name},{path.name.split('@')[1]},4000000,{zone},{city.name}"
            for city, zone in ((folder / "a", "17T"), (folder / "b", "33U"))
            for path in city.iterdir()
        ]
        folder.with_suffix(".csv").write_text("\n".join(["path,east,north,zone,group", *lines]) + "\n")
    return root


def test_search_refuses_more_than_a_group_has(uneven, tmp_path):
    few = [f"test_folders=[{uneven}]", "groups=column", "recall_values=[1,5]", "keep_descriptors=true"]
    run = work(tmp_path / "run", "task=test", *NET, *few)
    with pytest.raises(InputError, match=r"uneven: R@12 is asked for, and the group b has only 10 database images"):
        work(tmp_path / "deep", "task=search", f"run={run}", "recall_values=[1,12]", "monitor=R1")


def test_search_notices_other_groups(uneven, tmp_path):
    """Positions and files are the same, and yet queries would be searched in other images."""
    few = [f"test_folders=[{uneven}]", "groups=column", "recall_values=[1,5]", "keep_descriptors=true"]
    run = work(tmp_path / "run", "task=test", *NET, *few)
    table = uneven / "images/test/database.csv"
    text = table.read_text()
    table.write_text(text.replace(",33U,b", ",33U,a", 1))
    with pytest.raises(InputError, match=r"uneven: which photos in .* share a group or panorama has changed since"):
        work(tmp_path / "other", "task=search", f"run={run}")
    table.write_text(text)
    work(tmp_path / "same", "task=search", f"run={run}")


def test_what_a_protocol_makes_idle_is_told(two_cities, tmp_path, caplog):
    conf = tmp_path / "conf" / "domains"
    conf.mkdir(parents=True)
    (conf / "mine.yaml").write_text(
        f"mine:\n  _target_: geoloc.data.domains.folder\n  path: {two_cities}\n  name: mine\n"
        "  protocol:\n    _target_: geoloc.data.protocols.Protocol\n    radius: 12\n"
    )
    typed = [*NET, f"hydra.searchpath=[file://{tmp_path / 'conf'}]", "domains@test=[mine]"]
    run = work(tmp_path / "run", "task=test", *typed, "radius.eval=9", "groups=folder")
    assert "mine: radius.eval changes nothing, since its protocol says 12 m" in caplog.text
    assert "mine: groups changes nothing, since its protocol says groups: none" in caplog.text
    assert results_of(run)["domains"]["mine"]["radius_m"] == 12
    caplog.clear()
    work(tmp_path / "other", "task=test", *typed)
    assert "changes nothing" not in caplog.text
