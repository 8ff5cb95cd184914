"""task=report: from a finished run's folder to tables, figures and the page, in a folder of its own."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys

import pytest
from command_line import results_of
from hydra.errors import HydraException
from in_process import content_of, work
from mini import write_hard_city
from PIL import Image

from geoloc.data.domains import folder as domain_in
from geoloc.errors import InputError
from geoloc.folders import conf_folder
from geoloc.messages import one_line
from geoloc.report.paper import strips as drawing
from geoloc.tasks import report as task

NET = [
    *("data=folder", "image_size=[64,64]", "backbone.weights=none", "aggregator=gem", "trainer=cpu", "num_workers=0"),
    "trainer.enable_progress_bar=false",
]
FAST = ["figures.dpi=60", "figures.queries=1", "figures.format=[png]"]
OF_PHOTOS = {"strips_mini", "map_mini"}
OF_NUMBERS = {"recall_at_n", "recall_by_distance"}


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    return write_hard_city(tmp_path_factory.mktemp("data") / "mini")


@pytest.fixture(scope="module")
def run(city, tmp_path_factory):
    """A judged and post-processed run."""
    chain = ["postprocess=[geo_neighbours]", "postprocess.geo_neighbours.order=nearest_heads"]
    return work(tmp_path_factory.mktemp("run") / "a", "task=test", *NET, f"data.path={city}", *chain)


@pytest.fixture(scope="module")
def made(run, tmp_path_factory):
    """Its report."""
    return work(tmp_path_factory.mktemp("report") / "r", "task=report", f"run={run}", FAST[0], FAST[2])


def figures_in(report, ending="png"):
    return {path.stem for path in (report / "figures").glob(f"*.{ending}")}


def copied(run, to):
    shutil.copytree(run, to)
    return to


def refused(tmp_path, *typed):
    with pytest.raises(InputError) as error:
        work(tmp_path / "refused", "task=report", *typed)
    assert not (tmp_path / "refused" / "tables.md").exists()
    return list(error.value.problems)


def test_all_is_made_and_the_run_stays_as_it_is(run, tmp_path):
    before = content_of(run)
    report = work(tmp_path / "r", "task=report", f"run={run}", "figures.dpi=60", "figures.queries=1")
    assert content_of(run) == before
    assert figures_in(report) == figures_in(report, "pdf") == OF_PHOTOS | OF_NUMBERS
    with Image.open(report / "figures" / "recall_at_n.png") as picture:
        assert picture.width == 204  # 3.4 in at 60 dpi
    with Image.open(report / "figures" / "strips_mini.png") as picture:
        assert picture.width == 420
    results = results_of(report)
    assert (results["status"], results["task"], results["run"], results["warnings"]) == (
        "finished",
        "report",
        str(run.resolve()),
        [],
    )
    assert set(results["figures"]) == OF_PHOTOS | OF_NUMBERS
    assert "domains" not in results  # it is no run that was judged


def test_the_page_is_the_page_of_the_run(run, made):
    assert (made / "report.html").read_bytes() == (run / "report.html").read_bytes()


def test_the_tables_say_what_results_json_says(run, made):
    facts = results_of(run)["domains"]["mini"]
    row = next(line for line in (made / "tables.md").read_text().splitlines() if line.startswith("| mini |"))
    cells = [f"{facts['recalls'][n]:.1f} [{facts['ci95'][n][0]:.1f}, {facts['ci95'][n][1]:.1f}]" for n in facts["ci95"]]
    assert row == f"| mini | 8 | 16 | {' | '.join(cells)} |"
    tex = (made / "tables.tex").read_text()
    assert f"mini & 8 & 16 & {facts['recalls']['1']:.1f} &" in tex
    raw = f"before post-processing &  &  & {facts['raw_recalls']['1']:.1f} &"
    assert raw in tex


def test_captions_name_the_queries_that_are_shown(run, made):
    text = (made / "figures" / "captions.md").read_text()
    with (run / "predictions" / "mini.csv").open() as file:
        first = {row["query"]: row["correct"] for row in csv.DictReader(file) if row["rank"] == "1"}
    strips = text[text.index("## strips_mini") : text.index("## map_mini")].splitlines()
    shown = [line.partition(": ")[2].strip("`") for line in strips if line[:1].isdigit()]
    kinds = [line.partition(". ")[2].partition(":")[0] for line in strips if line[:1].isdigit()]
    assert len(shown) == 4
    assert set(shown) <= set(first)
    assert [kind.startswith("right") for kind in kinds] == [first[name] == "1" for name in shown]
    assert "8 queries, 16 database images, right within 25 m." in text


def test_queries_and_formats_that_are_asked_for(run, city, tmp_path):
    names = [str(name) for name in domain_in(city, "test").queries.names]
    wanted = names[3].split("@")[1]  # its easting, which no other has
    report = work(tmp_path / "r", "task=report", f"run={run}", f"figures.queries=['{wanted}']", "figures.format=[pdf]")
    assert figures_in(report) == set()
    assert figures_in(report, "pdf") == OF_PHOTOS | OF_NUMBERS
    text = (report / "figures" / "captions.md").read_text()
    assert names[3] in text
    assert "Chosen by hand." in text
    assert [name for name in names if name in text] == [names[3]]


def test_a_history_is_drawn(run, tmp_path):
    trained = copied(run, tmp_path / "run")
    (trained / "metrics.csv").write_text("epoch,train/loss,val/mini/R5\n0,0.5,10\n1,0.4,20\n")
    report = work(tmp_path / "r", "task=report", f"run={trained}", *FAST)
    assert "training" in figures_in(report)


def test_without_photos_the_rest_is_made(run, city, tmp_path, caplog):
    gone = copied(run, tmp_path / "run")
    results = results_of(gone)
    folders = {side: str(tmp_path / "nowhere" / side) for side in ("database", "queries")}
    results["domains"]["mini"]["folders"] = folders
    (gone / "results.json").write_text(json.dumps(results))
    report = work(tmp_path / "r", "task=report", f"run={gone}", *FAST)
    assert figures_in(report) == OF_NUMBERS
    assert (report / "tables.md").is_file()
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    of_figures = [text for text in warnings if text.startswith("strips_mini and map_mini are left out: ")]
    assert len(of_figures) == 1
    assert "nowhere" in of_figures[0]


def test_a_damaged_photo_costs_the_strips_alone(run, city, tmp_path, caplog):
    broken = copied(run, tmp_path / "run")
    there = shutil.copytree(city, tmp_path / "city")
    for path in there.glob("images/test/queries/*.jpg"):
        path.write_bytes(bytes(path.stat().st_size))  # of the same size, so the domain is still the same
    results = results_of(broken)
    for side in ("database", "queries"):
        results["domains"]["mini"]["folders"][side] = str(there / "images" / "test" / side)
    (broken / "results.json").write_text(json.dumps(results))
    report = work(tmp_path / "r", "task=report", f"run={broken}", *FAST)
    assert figures_in(report) == OF_NUMBERS | {"map_mini"}
    assert "strips_mini is left out: " in caplog.text
    assert "cannot be read as an image" in caplog.text


def test_photos_that_changed_are_not_drawn(run, city, tmp_path, caplog):
    changed = copied(run, tmp_path / "run")
    results = results_of(changed)
    results["fingerprints"]["mini"] = "other"
    (changed / "results.json").write_text(json.dumps(results))
    report = work(tmp_path / "r", "task=report", f"run={changed}", *FAST)
    assert figures_in(report) == OF_NUMBERS
    assert "have changed since" in caplog.text


def test_predictions_that_do_not_give_the_recalls_are_refused(run, tmp_path):
    changed = copied(run, tmp_path / "run")
    path = changed / "predictions" / "mini.csv"
    lines = path.read_text().splitlines()
    cells = [line.split(",") for line in lines]
    for row in cells[1:]:
        row[5] = "1"
    path.write_text("\n".join(",".join(row) for row in cells) + "\n")
    (problem,) = refused(tmp_path, f"run={changed}")
    assert problem.startswith(f"{path}: gives R@1 100.00, and results.json ")


def test_refusals(run, tmp_path, city):
    assert refused(tmp_path / "1") == [
        "run: must be given: run=PATH, the folder of a run of task=train, test or describe"
    ]
    assert refused(tmp_path / "2", f"run={run}", "image_size=[64,64]", "seed=3") == [
        "image_size: has no effect on task=report, which goes by what the run has saved; leave it out",
        "seed: has no effect on task=report, which goes by what the run has saved; leave it out",
    ]
    assert refused(tmp_path / "3", f"run={tmp_path}") == [
        f"run={tmp_path}: not the folder of a run (it has no results.json)"
    ]
    (problem,) = refused(tmp_path / "4", f"run={run}", "figures.queries=[zebra]")
    assert "zebra" in problem
    assert refused(tmp_path / "5", f"run={run}", "figures.format=[jpg]")[0].startswith("figures.format.0: ")
    for at, wrong in enumerate(("0", "[500002.00]")):  # a number that is meant as a name
        assert refused(tmp_path / f"6{at}", f"run={run}", f"figures.queries={wrong}") == [
            "figures.queries: must be a number from 1, or a list of paths of queries or parts of them (in quotes where"
            " they are numbers)"
        ]
    assert refused(tmp_path / "7", f"run={run}", "figures.width=100")[0].startswith("figures.width: ")
    described = work(tmp_path / "described", "task=describe", *NET, f"data.path={city}")
    assert refused(tmp_path / "8", f"run={described}") == [
        f"run={described}: has judged nothing; task=search run={described} does"
    ]


def test_figures_are_of_this_task_alone(run, tmp_path):
    with pytest.raises(HydraException) as error:
        work(tmp_path / "r", "task=search", f"run={run}", "figures.dpi=60")
    assert one_line(error.value) == "figures: has an effect on task=report alone"
    with pytest.raises(InputError, match="run: has an effect on task=search and task=report alone"):
        work(tmp_path / "s", "task=test", f"run={run}")


def test_frames_are_told_where_frames_are_counted(run, tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    drawn = []
    monkeypatch.setattr(task, "strips", lambda rows, *more: drawn.extend(rows) or drawing.strips(rows, *more))
    framed = copied(run, tmp_path / "run")
    results = results_of(framed)
    results["domains"]["mini"]["protocol"] |= {"radius": None, "frames": 12, "metres_per_frame": 2.0}
    (framed / "results.json").write_text(json.dumps(results))
    report = work(tmp_path / "r", "task=report", f"run={framed}", FAST[0], "figures.queries=8", FAST[2])
    with (framed / "predictions" / "mini.csv").open() as file:
        meters = {}
        for row in csv.DictReader(file):
            meters.setdefault(row["query"], []).append(float(row["meters"]))
    # All photos lie a whole number of frames apart: 2 m, and 4 m and 100 m.
    assert drawn
    for strip in drawn:
        frames = [round(each / 2) for each in meters[strip.query.name][:5]]
        assert strip.labels == [f"{each} frame{'' if each == 1 else 's'}" for each in frames]
    assert figures_in(report) == {"recall_at_n", "strips_mini"}  # its metres are nowhere on earth
    assert "mini: its metres stand for frames, so it has neither a map nor a recall by distance" in caplog.text


def test_the_page_holds_as_many_photos_as_asked_for(run, made, tmp_path):
    report = work(tmp_path / "r", "task=report", f"run={run}", *FAST, "report_queries=0")
    photos = [(folder / "report.html").read_text().count("data:image/jpeg") for folder in (report, made)]
    assert photos[0] == 0 < photos[1]


@pytest.mark.slow
def test_the_script_for_pictures_of_predictions(run, tmp_path):
    def call(*typed: object) -> tuple[int, str]:
        command = [sys.executable, str(conf_folder().parent / "scripts" / "strip.py"), *map(str, typed)]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.returncode, done.stderr.splitlines()[-1] if done.stderr else ""

    assert call() == (2, "strip.py: error: the following arguments are required: run, domain, out, rows")
    assert call(run, "maxi", "x.jpg") == (2, f"strip.py: error: maxi: no such domain in {run}; there are mini")
    assert call(run, "mini", tmp_path / "x.jpg", 2, 0) == (0, "")
    assert call(run, "mini", tmp_path / "y.jpg", 2) == (0, "")
    two, one = (Image.open(tmp_path / f"{name}.jpg").height for name in "xy")
    assert two == 2 * one + 8
