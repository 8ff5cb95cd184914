"""task=test with post-processing, task=describe and task=search, as a user would go from one to the other."""

from __future__ import annotations

import csv
import json
import logging
import shutil
import sys

import numpy as np
import pytest
from command_line import geoloc, only_run, results_of
from in_process import content_of, work
from mini import write_hard_city

from geoloc.data.domains import folder as domain_in
from geoloc.errors import InputError
from geoloc.evaluate.recall import correct
from geoloc.index.faiss_hnsw import FaissHnsw
from geoloc.lit.store import DescriptorStore
from geoloc.places import positives_within
from geoloc.postprocess.chain import apply_all, evidence_of
from geoloc.postprocess.geo_dbscan import GeoDBSCAN
from geoloc.postprocess.geo_density import GeoDensity
from geoloc.postprocess.geo_neighbours import GeoNeighbours
from geoloc.report.predictions import read_predictions
from geoloc.tasks import search

PLACES = 14  # two database photos each, so that not all of them are among 20 predictions
NET = [
    *("data=folder", "image_size=[64,64]", "backbone.weights=none", "aggregator=gem", "trainer=cpu", "num_workers=0"),
    "trainer.enable_progress_bar=false",
]
CHAIN = ["postprocess=[geo_dbscan,geo_neighbours]", "postprocess.geo_neighbours.order=nearest_heads"]
OTHER = ["postprocess=[geo_agglomerative]", "postprocess.geo_agglomerative.order=size_distance"]


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    return write_hard_city(tmp_path_factory.mktemp("data") / "mini", places=PLACES)


@pytest.fixture(scope="module")
def test(city, tmp_path_factory):
    """Function: what is typed besides task=test -> the run's folder; each run is made once."""
    made, root = {}, tmp_path_factory.mktemp("tests")

    def run(*typed, task="test"):
        key = (task, *typed)
        if key not in made:
            made[key] = work(root / f"{len(made)}", f"task={task}", *NET, f"data.path={city}", *typed)
        return made[key]

    return run


@pytest.fixture(scope="module")
def plain(test):
    """A run that has kept no descriptors."""
    return test(*CHAIN)


@pytest.fixture(scope="module")
def kept(test):
    """A run that has kept the descriptors of five crops of each query."""
    return test("views=five_crops", "keep_descriptors=true", *CHAIN)


def table(run, name="mini.csv"):
    return (run / "predictions" / name).read_text()


def ids_in(run, domain, name="mini.csv"):
    """(Q, k) database rows and distances from a csv, read here line by line."""
    row_of = {str(name): row for row, name in enumerate(domain.database.names)}
    found = {str(name): [] for name in domain.queries.names}
    with (run / "predictions" / name).open() as file:
        for line in csv.DictReader(file):
            found[line["query"]].append((row_of[line["database"]], float(line["distance"])))
    both = np.array([found[str(name)] for name in domain.queries.names])
    return both[..., 0].astype(int), both[..., 1]


def recalls_of(ids, domain, ns, radius=25.0):
    """Recalls in percent, and (Q, len(ns)) hits; positions measured here."""
    near = np.linalg.norm(domain.database.xy[ids] - domain.queries.xy[:, None], axis=2) <= radius
    hits = np.array([[row[:n].any() for n in ns] for row in near])
    return {str(n): 100 * hits[:, column].mean() for column, n in enumerate(ns)}, hits


def same_results(one, other):
    """Two runs have found and judged the same."""
    assert table(one) == table(other)
    left, right = results_of(one)["domains"]["mini"], results_of(other)["domains"]["mini"]
    for facts in (left, right):
        facts.pop("seconds")
        # Saved distances have six digits.
        facts["meters"]["median_geo_error_m"] = round(facts["meters"]["median_geo_error_m"], 3)
    assert left == right


def test_a_test_leaves_both_orders_and_what_the_chain_did(plain, city):
    domain = domain_in(city, "test", name="mini")
    raw, final = (read_predictions(plain / "predictions" / f"mini{end}.csv", domain) for end in (".raw", ""))
    ids, distances = ids_in(plain, domain, "mini.raw.csv")
    assert ids.tolist() == raw.ids.tolist()
    assert (np.diff(distances) >= 0).all()
    steps = [GeoDBSCAN(), GeoNeighbours(order="nearest_heads")]
    wanted = apply_all(steps, raw, evidence_of(domain.database, domain.queries, None))
    assert final.ids.tolist() == wanted.ids.tolist() != raw.ids.tolist()
    assert final.distances.tolist() == wanted.distances.tolist()

    results = results_of(plain)
    assert list(results["protocol"]["postprocess"]) == ["geo_dbscan", "geo_neighbours"]
    assert results["protocol"]["postprocess"]["geo_neighbours"]["order"] == "nearest_heads"
    facts, ns = results["domains"]["mini"], [1, 5, 10, 20]
    before, hits_before = recalls_of(ids, domain, ns)
    after, hits_after = recalls_of(ids_in(plain, domain)[0], domain, ns)
    assert facts["raw_recalls"] == pytest.approx(before)
    assert facts["recalls"] == pytest.approx(after)
    assert any(hits_before[:, column].tolist() != hits_after[:, column].tolist() for column in range(4))
    for column, n in enumerate(ns):
        change = facts["changes"][str(n)]
        assert (change["before"], change["after"]) == pytest.approx((before[str(n)], after[str(n)]))
        assert change["helped"] == pytest.approx(100 * (hits_after & ~hits_before)[:, column].mean())
        assert change["hurt"] == pytest.approx(100 * (hits_before & ~hits_after)[:, column].mean())


@pytest.mark.parametrize("source", ["plain", "describe", "kept"])
def test_a_search_finds_what_a_test_with_its_steps_finds(test, tmp_path, request, source):
    views = ["views=five_crops"] if source == "kept" else []
    run = test(task="describe") if source == "describe" else request.getfixturevalue(source)
    before = content_of(run)
    found = work(tmp_path / "search", "task=search", f"run={run}", *OTHER)
    assert content_of(run) == before
    same_results(found, test(*views, *OTHER))
    results = results_of(found)
    assert results["status"] == "finished"
    assert results["model"] == results_of(run)["model"]
    assert list(results["protocol"]["postprocess"]) == ["geo_agglomerative"]
    assert (found / "report.html").is_file()
    assert not (found / "descriptors").exists()


def test_a_search_without_steps_gives_back_the_first_order(plain, tmp_path):
    found = work(tmp_path / "search", "task=search", f"run={plain}")
    assert table(found) == table(plain, "mini.raw.csv")
    assert not (found / "predictions" / "mini.raw.csv").exists()
    assert results_of(found)["domains"]["mini"]["recalls"] == results_of(plain)["domains"]["mini"]["raw_recalls"]


def test_a_search_of_a_search_starts_from_the_first_order(test, plain, tmp_path):
    first = work(tmp_path / "first", "task=search", f"run={plain}", *CHAIN)
    same_results(first, plain)
    same_results(work(tmp_path / "second", "task=search", f"run={first}", *OTHER), test(*OTHER))


@pytest.mark.parametrize("source", ["plain", "kept"])
def test_keys_of_the_search_mean_what_they_mean_in_a_test(test, tmp_path, request, source):
    typed = ["recall_values=[1,3]", "monitor=R3", "saved_predictions=6", "radius.eval=150", *OTHER]
    views = ["views=five_crops"] if source == "kept" else []
    found = work(tmp_path / "search", "task=search", f"run={request.getfixturevalue(source)}", *typed)
    same_results(found, test(*views, *typed))
    facts = results_of(found)["domains"]["mini"]
    assert (list(facts["recalls"]), facts["radius_m"]) == (["1", "3"], 150)
    assert len(table(found).splitlines()) == 1 + PLACES * 6


@pytest.mark.parametrize("kept_too", [False, True])
def test_a_search_goes_by_the_keys_of_its_run(test, tmp_path, kept_too):
    more = ["keep_descriptors=true"] if kept_too else []
    typed = ["recall_values=[1,3]", "monitor=R3", "saved_predictions=25", "radius.eval=150"]
    run = test(*typed, *more)
    found = work(tmp_path / "search", "task=search", f"run={run}")
    same_results(found, run)
    assert len(table(found).splitlines()) == 1 + PLACES * 25
    assert work(tmp_path / "monitored", "task=search", f"run={run}", "monitor=R1").is_dir()
    with pytest.raises(InputError, match=r"monitor: R5 needs 5 among recall_values, which are \[1, 3\] here"):
        work(tmp_path / "not", "task=search", f"run={run}", "monitor=R5")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["index=faiss_hnsw"], "index: .* has kept no descriptors that could be searched again; task=describe"),
        (["views=five_crops"], "views: .* has kept no descriptors that could be searched again"),
        (["recall_values=[1,21]"], "recall_values: .* has saved 20 predictions a query.* ask for no more than 20"),
        (["saved_predictions=21"], "saved_predictions: .* has saved 20 predictions a query"),
        (["postprocess=[alpha_qe]"], "postprocess: AlphaQE needs descriptors; keep_descriptors=true leaves them"),
        (["postprocess=[geo_density]"], r"GeoDensity is tuned on predictions of val domains, which .* has not saved;"),
        (["backbone=vgg16"], "backbone: has no effect on task=search, which describes nothing; leave it out"),
        (["experiment=quick"], "experiment: has no effect on task=search"),
        (["radius.positive=5"], "radius.positive: has no effect on task=search"),
        (["logger=[csv]"], "logger: has no effect on task=search"),
        (["data=pitts30k"], "data: has no effect on task=search"),
        (["recall_values=[0,5]"], "recall_values: must be at least 1"),
    ],
)
def test_what_cannot_be_searched_is_refused(plain, tmp_path, typed, message):
    before = content_of(plain)
    with pytest.raises(InputError, match=message) as caught:
        work(tmp_path / "search", "task=search", f"run={plain}", *typed)
    assert len(caught.value.problems) == 1
    assert content_of(plain) == before
    assert content_of(tmp_path / "search") == {}


def test_a_run_must_be_one(plain, tmp_path):
    def refused(message, *typed):
        with pytest.raises(InputError, match=message) as caught:
            work(tmp_path / f"search{len(list(tmp_path.iterdir()))}", "task=search", *typed)
        assert len(caught.value.problems) == 1

    refused("run: must be given: run=PATH")
    refused(r"run=nowhere: not the folder of a run \(it has no results.json\)", "run=nowhere")
    copy = tmp_path / "copy"
    shutil.copytree(plain, copy)
    results = results_of(plain)
    for change, message in (
        ({"status": "testing"}, r"is not finished \(its status is testing\)"),
        ({"status": "failed", "domains": {}}, r"holds no judged domain \(its status is failed\)"),
        ({"status": "finished", "localization": {}, "domains": {}}, r"holds no judged domain \(it is of task=localize"),
    ):
        (copy / "results.json").write_text(json.dumps(results | change))
        refused(message, f"run={copy}")
    (copy / "results.json").write_text(json.dumps({key: results[key] for key in results if key != "protocol"}))
    refused("was written by an older version of geoloc; run task=test again", f"run={copy}")
    (copy / "results.json").write_text(json.dumps(results))
    (copy / "predictions" / "mini.raw.csv").write_text(table(plain).replace("mini", "x").replace("@", "_"))
    refused("line 2 does not belong to the photos of mini", f"run={copy}")


def test_run_belongs_to_a_search(plain, tmp_path):
    with pytest.raises(
        InputError, match="run: has an effect on task=search and task=report alone; checkpoint=PATH names the network"
    ):
        work(tmp_path / "test", "task=test", *NET, f"data.path={tmp_path}", f"run={plain}")


def test_photos_must_be_those_of_the_run(test, tmp_path):
    city = write_hard_city(tmp_path / "mini", places=PLACES)
    run = work(tmp_path / "run", "task=test", *NET, f"data.path={city}")
    work(tmp_path / "before", "task=search", f"run={run}")
    photo = min(city.glob("images/test/queries/*.jpg"))
    photo.write_bytes(photo.read_bytes() + b" ")
    with pytest.raises(InputError, match=r"mini: photos in .* or .* have changed since .* was written; run task=test"):
        work(tmp_path / "after", "task=search", f"run={run}")
    shutil.rmtree(city)
    with pytest.raises(InputError, match="no such folder"):
        work(tmp_path / "gone", "task=search", f"run={run}")


def test_an_index_is_kept_beside_the_descriptors(kept, tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    run = tmp_path / "run"
    shutil.copytree(kept, run)
    before = content_of(run)
    first = work(tmp_path / "first", "task=search", f"run={run}", "index=faiss_hnsw")
    written = run / "descriptors" / "mini.faiss_hnsw"
    after = content_of(run)
    assert after.keys() - before.keys() == {"descriptors/mini.faiss_hnsw"}
    assert {name: after[name] for name in before} == before
    quality = results_of(first)["domains"]["mini"]["index"]
    assert quality == {"queries": PLACES, "k": 20, "r1": 1.0, "rk": 1.0}
    assert results_of(first)["protocol"]["index"]["_target_"] == "geoloc.index.faiss_hnsw.FaissHnsw"
    same_but_index = work(tmp_path / "exact", "task=search", f"run={run}")
    assert table(first) == table(same_but_index) == table(kept, "mini.raw.csv")

    with monkeypatch.context() as patch:  # nothing is built the second time
        patch.setattr(FaissHnsw, "build", lambda self, database: pytest.fail("built again"))
        second = work(tmp_path / "second", "task=search", f"run={run}", "index=faiss_hnsw", *OTHER)
    assert table(second, "mini.raw.csv") == table(first)
    assert content_of(run) == after
    assert "built anew" not in caplog.text

    # Other settings, and a damaged file.
    work(tmp_path / "third", "task=search", f"run={run}", "index=faiss_hnsw", "index.m=8")
    assert "was built with m=32" in caplog.text
    assert "it is built anew" in caplog.text
    written.write_bytes(written.read_bytes()[:100])
    caplog.clear()
    fourth = work(tmp_path / "fourth", "task=search", f"run={run}", "index=faiss_hnsw")
    assert "is no index of geoloc, or is damaged" in caplog.text
    assert table(fourth) == table(first)
    assert content_of(run)["descriptors/mini.npy"] == before["descriptors/mini.npy"]


@pytest.mark.slow
def test_crops_may_be_searched_under_another_view_of_them(kept, test, tmp_path):
    for view in (["views=nearest_crop"], ["views=maj_voting", "views.weight=0.2"]):
        found = work(tmp_path / view[0], "task=search", f"run={kept}", *view, *OTHER)
        same_results(found, test(*view, *OTHER))
        name = view[0].removeprefix("views=")
        assert results_of(found)["protocol"]["views"]["name"] == name
        before = content_of(kept)
        for steps in ("alpha_qe", "geo_dbscan,k_reciprocal"):
            step = steps.rpartition(",")[2]
            message = f"postprocess: {step} needs one descriptor of each query, and views={name} has 5; use another"
            with pytest.raises(InputError, match=message):
                work(tmp_path / f"{name}{step}", "task=search", f"run={kept}", *view, f"postprocess=[{steps}]")
        assert content_of(kept) == before
    work(tmp_path / "five", "task=search", f"run={kept}", "postprocess=[alpha_qe,k_reciprocal]")


@pytest.mark.parametrize("view", ["single_query", "hard_resize", "central_crop"])
def test_other_crops_are_not_there(kept, tmp_path, view):
    with pytest.raises(InputError, match="described under views=five_crops, which shows other crops; task=test or"):
        work(tmp_path / "search", "task=search", f"run={kept}", f"views={view}")


def test_steps_that_need_one_descriptor_are_refused_before_anything_is_read(tmp_path):
    for view in ("nearest_crop", "maj_voting"):
        with pytest.raises(InputError) as caught:
            work(
                *(tmp_path / view, "task=test", *NET, f"data.path={tmp_path / 'nowhere'}", f"views={view}"),
                "postprocess=[geo_dbscan,alpha_qe]",
            )
        assert str(caught.value) == (
            f"postprocess: alpha_qe needs one descriptor of each query, and views={view} has 5; use another view, such"
            " as views=five_crops, or leave alpha_qe out"
        )


def test_the_empty_chain_is_no_chain(test):
    same_results(test("postprocess=[]"), test())


def test_five_crops_of_a_square_are_one_photo_whatever_its_descriptor_measures(test):
    """With unit_length=false a query shorter than the database would find other images."""
    one, five = test("unit_length=false"), test("unit_length=false", "views=five_crops")
    assert [line.split(",")[:3] for line in table(one).splitlines()] == [
        line.split(",")[:3] for line in table(five).splitlines()
    ]
    distances = [float(line.split(",")[3]) for line in table(one).splitlines()[1:]]
    assert max(distances) > 2  # which no two vectors of unit length are apart


@pytest.mark.parametrize(
    ("library", "typed", "message"),
    [
        ("faiss", "index=faiss_hnsw", "index=faiss_hnsw: needs faiss; pip install faiss-cpu, or index=exact"),
        ("cv2", "postprocess=[local_features]", "postprocess: LocalFeatures needs OpenCV: pip install"),
    ],
)
def test_what_is_not_installed_is_said_before_images_are_described(tmp_path, monkeypatch, library, typed, message):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=message):
        work(tmp_path / "run", "task=test", *NET, f"data.path={tmp_path / 'nowhere'}", typed)


def test_only_views_come_out_of_results(kept, tmp_path):
    """results.json may come from a stranger."""
    run = tmp_path / "run"
    shutil.copytree(kept, run)
    results = results_of(run)
    for target, message in (
        ("os.mkdir", "os.mkdir, under which the queries were described, is no view"),
        ("strange.views.Mine", "strange.views.Mine; name its yaml again, such as views=..., with hydra.searchpath"),
        ("geoloc.views.merging.merged", "is no view"),
    ):
        results["protocol"]["views"] = {"name": "five_crops", "_target_": target}
        (run / "results.json").write_text(json.dumps(results))
        with pytest.raises(InputError, match=message):
            work(tmp_path / target, "task=search", f"run={run}")


def test_describe_keeps_descriptors_and_judges_nothing(test, kept):
    run = test("views=five_crops", task="describe")
    assert content_of(run)["descriptors/mini.npy"] == content_of(kept)["descriptors/mini.npy"]
    assert np.load(run / "descriptors" / "mini.npy").shape == (2 * PLACES + 5 * PLACES, 256)
    assert not (run / "predictions").exists()
    results = results_of(run)
    assert (results["status"], results["task"]) == ("finished", "describe")
    assert "recalls" not in results["domains"]["mini"]
    assert results["protocol"]["views"]["name"] == "five_crops"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("postprocess=[geo_density]", "postprocess: has no effect on task=describe, which searches nothing; give it"),
        ("index=faiss_flat", "index: has no effect on task=describe"),
        ("keep_descriptors=false", "keep_descriptors=false: task=describe does nothing but keep them"),
    ],
)
def test_describe_refuses_what_is_of_the_search(city, tmp_path, typed, message):
    with pytest.raises(InputError, match=message):
        work(tmp_path / "run", "task=describe", *NET, f"data.path={city}", typed)


@pytest.mark.slow
def test_weights_are_tuned_on_val_before_the_test(test, plain, city, tmp_path):
    typed = ["postprocess=[geo_density]", "postprocess.geo_density.bandwidth=60"]
    run = test(*typed)
    results, val = results_of(run), domain_in(city, "val", name="mini")
    found = read_predictions(run / "predictions" / "val" / "mini.csv", val)
    known, truth = evidence_of(val.database, val.queries, None), positives_within(val.queries.xy, val.database.xy, 25.0)
    step = GeoDensity(bandwidth=60.0)
    chosen = step.tune([(found.ids, found.distances, known, correct(found.ids, truth))])
    assert results["tuned"] == {"GeoDensity": chosen}
    first = ids_in(run, val, "val/mini.csv")[0]
    assert chosen["r1_before"] == pytest.approx(recalls_of(first, val, [1])[0]["1"])
    assert chosen["r1_after"] > chosen["r1_before"]  # else there is nothing to be seen here
    assert list(results["tuned_on"]) == ["mini"]
    assert results["tuned_on"]["mini"]["fingerprint"] == val.fingerprint()

    domain = domain_in(city, "test", name="mini")
    raw = read_predictions(run / "predictions" / "mini.raw.csv", domain)
    fixed = GeoDensity(bandwidth=60.0, weight=chosen["weight"])
    wanted = apply_all([fixed], raw, evidence_of(domain.database, domain.queries, None))
    assert ids_in(run, domain)[0].tolist() == wanted.ids.tolist()

    again = work(tmp_path / "again", "task=search", f"run={run}", *typed)
    same_results(again, run)
    assert results_of(again)["tuned"] == results["tuned"]
    assert results_of(again)["tuned_on"] == results["tuned_on"]
    assert table(again, "val/mini.csv") == table(run, "val/mini.csv")
    # And a search of the search; after a step that changes what is tuned on.
    more = ["postprocess=[geo_agglomerative,geo_density]", "postprocess.geo_density.bandwidth=60"]
    same_results(work(tmp_path / "more", "task=search", f"run={again}", *more), test(*more))
    with pytest.raises(
        InputError, match="GeoDensity is tuned on val domains, and of these no descriptors are kept, wh"
    ):
        work(tmp_path / "qe", "task=search", f"run={run}", "postprocess=[alpha_qe,geo_density]")
    # A number needs no val domain.
    weight = ["postprocess=[geo_density]", "postprocess.geo_density.weight=0.5"]
    same_results(work(tmp_path / "number", "task=search", f"run={plain}", *weight), test(*weight))


def test_val_photos_must_be_those_that_were_tuned_on(tmp_path):
    city = write_hard_city(tmp_path / "mini", places=PLACES)
    run = work(tmp_path / "run", "task=test", *NET, f"data.path={city}", "postprocess=[geo_density]")
    photo = min(city.glob("images/val/database/*.jpg"))
    photo.write_bytes(photo.read_bytes() + b" ")
    with pytest.raises(InputError, match="have changed since"):
        work(tmp_path / "after", "task=search", f"run={run}", "postprocess=[geo_density]")
    work(tmp_path / "other", "task=search", f"run={run}", "postprocess=[geo_dbscan]")


def test_tuning_without_val_domains_is_refused_at_the_start(city, tmp_path, monkeypatch):
    monkeypatch.setattr(DescriptorStore, "shared", lambda *_: pytest.fail("images are described"))
    alone = tmp_path / "mini"
    shutil.copytree(city / "images" / "test", alone / "images" / "test")
    with pytest.raises(InputError, match="GeoDensity is tuned on val domains, and there are none; name some"):
        work(tmp_path / "run", "task=test", *NET, f"data.path={alone}", "postprocess=[geo_density]")


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_search_that_ends_early_leaves_its_run_as_it_was(kept, tmp_path, monkeypatch, error):
    before = content_of(kept)

    def end(*_, **__):
        raise error("no space left")

    monkeypatch.setattr(search, "write_results", end)
    with pytest.raises(error):
        work(tmp_path / "search", "task=search", f"run={kept}", *OTHER)
    assert content_of(kept) == before


def test_an_index_that_cannot_be_kept_is_used_all_the_same(kept, tmp_path, monkeypatch, caplog):
    """The folder of somebody else's run may be read-only; tests may run as root, whom nothing stops."""

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    before = content_of(kept)
    monkeypatch.setattr("geoloc.index.files.write", refuse)
    found = work(tmp_path / "search", "task=search", f"run={kept}", "index=faiss_hnsw")
    assert "mini.faiss_hnsw: the index cannot be kept (Permission denied)" in caplog.text
    assert table(found) == table(kept, "mini.raw.csv")
    assert content_of(kept) == before


@pytest.mark.slow
def test_the_command_line(plain, kept, test, tmp_path):
    done = geoloc(tmp_path, "task=search", f"run={plain}", *OTHER)
    assert done.returncode == 0, done.stderr
    assert "before and after post-processing:" in done.stdout
    same_results(only_run(tmp_path), test(*OTHER))
    done = geoloc(tmp_path, "task=search", "name=again", f"run={kept}", *OTHER)
    assert done.returncode == 0, done.stderr
    same_results(only_run(tmp_path, "again"), test("views=five_crops", *OTHER))
    assert results_of(only_run(tmp_path, "again"))["warnings"] == []
    for typed, message in (
        ([f"run={plain}", "index=faiss_hnsw"], "index: "),
        (["run=nowhere"], "run=nowhere: not the folder of a run"),
        ([f"run={plain}", "backbone=vgg16"], "backbone: has no effect on task=search"),
    ):
        done = geoloc(tmp_path, "task=search", "name=refused", *typed)
        assert done.returncode == 2, done.stderr
        assert sum(message in line for line in done.stderr.splitlines()) == 1
        assert "Traceback" not in done.stderr
