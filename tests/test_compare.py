"""task=compare: two runs made by hand with numbers worked out by hand, what is refused, and a real pair of runs."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
from command_line import geoloc, only_run, results_of
from finished import AFTER, BEFORE, MODEL, SHOWN, write_run
from in_process import content_of, work
from mini import write_hard_city

from geoloc.errors import InputError


@pytest.fixture
def pair(tmp_path):
    """Function: keywords of the second run -> the two runs."""

    def make(domains=None, **more):
        one = write_run(tmp_path / "runs" / "a", {"day": BEFORE})
        return one, write_run(tmp_path / "runs" / "b", domains or {"day": AFTER}, **more)

    return make


def compare(folder, *runs, typed=()):
    return work(folder, "task=compare", f"runs=[{','.join(map(str, runs))}]", *typed)


def refused(folder, *runs, typed=()):
    with pytest.raises(InputError) as error:
        compare(folder, *runs, typed=typed)
    return list(error.value.problems)


def exact_interval(plus, minus, draws):
    """Ends of the middle 95 % of the mean of `draws` draws that are 1, -1 or else 0, in points, by convolution."""
    chances = np.array([1.0])
    for _ in range(draws):
        chances = np.convolve(chances, [minus, 1 - plus - minus, plus])
    below = np.cumsum(chances)
    return [100 * (int(np.searchsorted(below, share)) - draws) / draws for share in (0.025, 0.975)]


def test_by_hand(pair, tmp_path, capsys):
    a, b = pair()
    before = [content_of(run) for run in (a, b)]
    out = compare(tmp_path / "out", a, b)
    assert [content_of(run) for run in (a, b)] == before
    said = json.loads((out / "compare.json").read_text())
    assert said["baseline"] == str(a)
    (run,) = said["runs"]
    assert run["run"] == str(b)
    day = run["domains"]["day"]
    assert (day["queries"], day["flipped"], day["other_protocol"]) == (8, 5, {})
    one, five = day["changes"]["1"], day["changes"]["5"]
    # q2, q5, q6 became right at 1 and q1 wrong: of the 16 ways that 4 coins fall, 10 are 3 to 1 or more uneven.
    assert (one["before"], one["after"], one["difference"]) == (37.5, 62.5, 25.0)
    assert (one["helped"], one["hurt"], one["p"]) == (37.5, 12.5, 0.625)
    # In 97.49 % of all samples the difference is at most 62.5, so 10,000 of them may say that or the next step, 75.
    assert exact_interval(3 / 8, 1 / 8, 8) == [-25.0, 75.0]
    assert one["ci95"] in ([-25.0, 62.5], [-25.0, 75.0])
    # q3 and q5 became right at 5; two coins fall alike in half of the cases.
    assert (five["before"], five["after"], five["helped"], five["hurt"], five["p"]) == (62.5, 87.5, 25.0, 0.0, 0.5)
    assert five["ci95"] == exact_interval(2 / 8, 0, 8)

    with (out / "flipped.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["run", "domain", "query", "rank_before", "rank_after", "change", "at"],
        ["runs/b", "day", "q1", "1", "4", "hurt", "1"],
        ["runs/b", "day", "q2", "3", "1", "helped", "1"],
        ["runs/b", "day", "q3", "", "2", "helped", "5"],
        ["runs/b", "day", "q5", "7", "1", "helped", "1 5"],
        ["runs/b", "day", "q6", "2", "1", "helped", "1"],
    ]
    # Holm: the least of the two, 0.5, twice; then the other, 0.625, which cannot become less than that.
    assert (five["p_holm"], one["p_holm"]) == (1.0, 1.0)
    # The first predictions of 3 of 8 are right and 5 m off, later of 5; wrong ones are 100 m off.
    assert day["median_first_m"] == {"before": 100.0, "after": 5.0}
    assert day["slices"] == {}
    row = "day 1 37.5 62.5 +25.0 [-25.0, +62.5] 37.5 12.5 0.6250 1.0000"
    assert row in re.sub(r" +", " ", capsys.readouterr().out)
    page = (out / "compare.md").read_text()
    assert "| day | 1 | 37.5 | 62.5 | +25.0 [-25.0, +62.5] | 37.5 | 12.5 | 0.6250 | 1.0000 |" in page
    assert "| day | 100.0 m | 5.0 m |" in page
    assert "- day: right within 25 m; 5 queries flipped (flipped.csv)" in page
    assert "- Keys are not compared: " in page
    results = results_of(out)
    assert (results["status"], results["task"], results["warnings"]) == ("finished", "compare", [])
    assert "domains" not in results  # it is no run that could be searched or compared again


def test_what_the_network_saw_is_compared_and_told(pair, tmp_path):
    chain = {"geo_dbscan": {"_target_": "geoloc.postprocess.geo_dbscan.GeoDBSCAN", "eps": 10.0}}
    protocol = SHOWN | {"image_size": [240, 320], "postprocess": chain, "index": {"_target_": "a.faiss_flat.F"}}
    model = MODEL | {"backbone": {"_target_": "geoloc.backbones.vgg16.VGG16"}, "digest": "of other weights"}
    environment = {"seed": 3, "command": "python -m geoloc.run task=test"}
    out = compare(tmp_path / "out", *pair(protocol=protocol, model=model, environment=environment))
    (run,) = json.loads((out / "compare.json").read_text())["runs"]
    assert run["config"] == {
        "backbone": {"before": "resnet: depth 18", "after": "vgg16"},
        "image size": {
            "before": "480 x 640 pixels, height x width",
            "after": "240 x 320 pixels, height x width",
        },
        "index": {"before": "", "after": "faiss_flat"},
        "post-processing": {"before": "none", "after": "geo_dbscan (eps 10)"},
        "seed": {"before": "", "after": "3"},
    }
    page = (out / "compare.md").read_text()
    assert "| post-processing | none | geo_dbscan (eps 10) |" in page
    assert "(`python -m geoloc.run task=test`)" in page


def test_what_one_run_has_alone_is_said(tmp_path, caplog):
    caplog.set_level("INFO", "geoloc")
    a = write_run(tmp_path / "runs" / "a", {"day": BEFORE, "night": BEFORE}, ns=(1, 5, 8))
    b = write_run(tmp_path / "runs" / "b", {"dusk": AFTER, "day": AFTER}, ns=(1, 5))
    c = write_run(tmp_path / "runs" / "c", {"day": BEFORE, "night": AFTER}, ns=(5, 8))
    out = compare(tmp_path / "out", a, b, c)
    first, second = json.loads((out / "compare.json").read_text())["runs"]
    assert list(first["domains"]) == ["day"]
    assert list(first["domains"]["day"]["changes"]) == ["1", "5"]
    assert first["left_out"] == [
        "night: only runs/a has judged it, not runs/b",
        "day: only runs/a has R@8, not runs/b",
        "dusk: only runs/b has judged it, not runs/a",
    ]
    assert [name for name, domain in second["domains"].items() if domain["flipped"]] == ["night"]
    assert list(second["domains"]["night"]["changes"]) == ["5", "8"]
    # Within 8 of them q5 is right in both, and so only q3 flips there.
    assert second["domains"]["night"]["changes"]["8"]["helped"] == 12.5
    assert second["domains"]["day"]["changes"]["5"]["difference"] == 0
    assert "left out: dusk: only runs/b has judged it, not runs/a" in caplog.messages
    assert "- dusk: only runs/b has judged it, not runs/a" in (out / "compare.md").read_text()


FRAMES = {"frames": 10, "metres_per_frame": 25 / 10.5}
END = "numbers under different protocols cannot be compared (other_protocols=true compares them all the same)"


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ({"radius_m": 50.0}, "right differs: right within 25 m in runs/a, right within 50 m in runs/b"),
        (
            {"protocol": FRAMES},
            "right differs: right within 25 m in runs/a, right within 10 frames (25 m) in runs/b",
        ),
        (
            {"protocol": {"groups": "folder", "group_count": 2}},
            "searched differs: searched in all images in runs/a, searched within its city (folder) in runs/b",
        ),
        (
            {"protocol": {"query_list": "/data/msls_740.txt", "listed_queries": 8}},
            "queries differs: all queries in runs/a, queries of msls_740.txt in runs/b",
        ),
        (
            {"protocol": {"panoramas": True}},
            "panoramas differs: one hit an image in runs/a, one hit a panorama in runs/b",
        ),
        (
            None,
            "photos differs: 20 database images, fingerprint abc in runs/a, 20 database images, fingerprint xyz in ",
        ),
    ],
)
def test_other_protocols_are_refused_unless_asked_for(pair, tmp_path, caplog, facts, what):
    runs = pair(judged={"day": facts or {}}, prints={} if facts else {"day": "xyz"})
    (line,) = refused(tmp_path / "no", *runs)
    assert line.startswith(f"runs: day: {what}")
    assert line.endswith(END)
    out = compare(tmp_path / "out", *runs, typed=["other_protocols=true"])
    day = json.loads((out / "compare.json").read_text())["runs"][0]["domains"]["day"]
    assert day["changes"]["1"]["difference"] == 25.0
    assert list(day["other_protocol"]) == [what.split()[0]]
    assert "| day (OTHER PROTOCOL) | 1 | 37.5 |" in (out / "compare.md").read_text()
    assert f"day: OTHER PROTOCOL: {what.split()[0]}: " in caplog.text


def test_all_is_refused_at_once(pair, tmp_path):
    both = {"day": {"radius_m": 5.0, "protocol": {"panoramas": True}}}
    a, b = pair(judged=both, prints={"day": "xyz"})
    lines = refused(tmp_path / "no", a, b)
    assert [line.split()[2] for line in lines] == ["right", "panoramas", "photos"]
    assert all(line.startswith("runs: day: ") for line in lines)
    c = write_run(tmp_path / "runs" / "c", {"day": AFTER}, judged={"day": {"radius_m": 6.0}})
    assert len(refused(tmp_path / "more", a, b, c)) == 4


def test_a_run_of_before_there_were_protocols_was_judged_by_radius(pair, tmp_path):
    said = {"radius": 25.0, "frames": None, "groups": "none", "query_list": None, "panoramas": False}
    assert compare(tmp_path / "out", *pair(judged={"day": {"protocol": said}})).is_dir()


def test_a_list_of_the_same_name_elsewhere_is_the_same(tmp_path):
    runs = [
        write_run(
            tmp_path / "runs" / name, {"day": BEFORE}, judged={"day": {"protocol": {"query_list": f"/{name}/l.txt"}}}
        )
        for name in "ab"
    ]
    assert compare(tmp_path / "out", *runs).is_dir()


@pytest.mark.parametrize("typed", [[], ["other_protocols=true"]])
def test_other_queries_are_never_paired(pair, tmp_path, typed):
    others = {f"{query}{'x' * (query > 'q5')}": rank for query, rank in AFTER.items()}
    assert refused(tmp_path / "no", *pair({"day": others | {"q9": 1}}), typed=typed) == [
        "runs: day: runs/a has 8 queries and runs/b 9, of which 6 are the same; results of other queries can never be"
        " paired"
    ]


def test_nothing_shared(pair, tmp_path):
    a, b = pair({"night": AFTER})
    assert refused(tmp_path / "no", a, b) == ["runs: share no domain: runs/a has day, runs/b has night"]
    c = write_run(tmp_path / "runs" / "c", {"day": AFTER}, ns=(2, 8))
    assert refused(tmp_path / "ns", a, c) == ["runs: day: they share no recall value: runs/a has 1, 5; runs/c has 2, 8"]


def test_files_that_do_not_belong_together(pair, tmp_path):
    a, b = pair()
    csv_file = b / "predictions" / "day.csv"
    lines = csv_file.read_text().splitlines(keepends=True)
    # Query q6, the second of the file, is not right at 1 any more.
    changed = [line.replace(",1,\n", ",0,\n") if line.startswith("q6,1,") else line for line in lines]
    csv_file.write_text("".join(changed))
    (line,) = refused(tmp_path / "0", a, b)
    assert line.startswith(f"{csv_file}: 4 of 8 queries are right within 1, and results.json says 62.50 % of 8; one of")
    csv_file.write_text("".join([*lines[:3], "q7,3,d3,0.5,1.0,maybe,\n"]))
    assert refused(tmp_path / "1", a, b) == [f"{csv_file}: line 4 has no rank, or is neither correct (1) nor wrong (0)"]
    csv_file.write_text("query,rank\n")
    assert refused(tmp_path / "2", a, b) == [f"{csv_file}: has no columns query, rank, database, meters and correct"]
    csv_file.unlink()
    assert refused(tmp_path / "3", a, b) == [f"{csv_file}: no such file; a run that has judged day holds it"]


def test_runs_that_are_none(pair, tmp_path):
    a, b = pair()
    needed = 'runs: must be folders of two or more different runs, such as "runs=[A,B]"; A is the baseline'
    with pytest.raises(InputError) as error:
        work(tmp_path / "none", "task=compare")
    assert list(error.value.problems) == [needed]
    assert refused(tmp_path / "one", a) == [needed]
    assert refused(tmp_path / "same", a, b, f"{b.parent}/../runs/b") == [needed]
    (tmp_path / "empty").mkdir()
    half = write_run(tmp_path / "runs" / "half", {"day": AFTER}, status="interrupted")
    assert refused(tmp_path / "several", a, tmp_path / "empty", half) == [
        f"runs={tmp_path}/empty: not the folder of a run (it has no results.json)",
        f"runs={half}: is not finished (its status is interrupted)",
    ]
    described = write_run(tmp_path / "runs" / "described", {"day": AFTER}, judged={"day": {"recalls": {}}})
    assert refused(tmp_path / "described", a, described) == [
        "runs: share no domain: runs/a has day, runs/described has judged nothing"
    ]


def test_runs_of_one_name_are_told_apart(tmp_path):
    one, other = (write_run(tmp_path / name / "runs" / "a", {"day": BEFORE}) for name in "xy")
    assert f"## {other}" in (compare(tmp_path / "out", one, other) / "compare.md").read_text()


def test_keys_that_do_nothing_are_refused(pair, tmp_path):
    a, b = pair()
    assert refused(tmp_path / "0", a, b, typed=["radius.eval=50", "backbone=vgg16", "name=x"]) == [
        f"{key}: has no effect on task=compare, which reads finished runs; leave it out"
        for key in ("backbone", "radius.eval")
    ]
    for key in (f"runs=[{a},{b}]", "other_protocols=true"):
        with pytest.raises(InputError, match=f"{key.split('=')[0]}: has an effect on task=compare alone"):
            work(tmp_path / f"check {key[:4]}", "task=check", key)
    with pytest.raises(InputError, match="run: has an effect on task=search and task=report alone"):
        work(tmp_path / "run", "task=compare", f"run={a}")


TEST = [
    *("task=test", "data=folder", "image_size=[64,64]", "backbone.weights=none", "aggregator=gem", "trainer=cpu"),
    *("num_workers=0", "trainer.enable_progress_bar=false", "recall_values=[1,3]", "monitor=R1"),
]


def slow_hits(run, n):
    """Query -> right within n, from the metres."""
    found = {}
    with (run / "predictions" / "mini.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            near = int(row["rank"]) <= n and float(row["meters"]) <= 25
            found[row["query"]] = found.get(row["query"], False) or near
    return found


@pytest.mark.slow
def test_a_real_pair_of_runs(tmp_path):
    city = write_hard_city(tmp_path / "mini", places=10)
    one = work(tmp_path / "one", *TEST, f"data.path={city}")
    other = work(tmp_path / "other", *TEST, f"data.path={city}", "views=five_crops")
    out = compare(tmp_path / "out", one, other)
    (run,) = json.loads((out / "compare.json").read_text())["runs"]
    for n in (1, 3):
        before, after = slow_hits(one, n), slow_hits(other, n)
        change = run["domains"]["mini"]["changes"][str(n)]
        assert change["before"] == results_of(one)["domains"]["mini"]["recalls"][str(n)] == 10 * sum(before.values())
        assert change["after"] == 10 * sum(after.values())
        assert change["helped"] == 10 * sum(after[query] and not before[query] for query in before)
    assert list(run["config"]) == ["views"]
    # Another radius is another protocol.
    wide = work(tmp_path / "wide", "task=search", f"run={one}", "radius.eval=150")
    (line,) = refused(tmp_path / "no", one, wide)
    assert "right differs: right within 25 m in " in line
    assert "right within 150 m in " in line
    # The photos may be gone.
    city.rename(tmp_path / "away")
    assert compare(tmp_path / "again", one, other).is_dir()


@pytest.mark.slow
def test_the_command_line(pair, tmp_path):
    a, b = pair()
    done = geoloc(tmp_path, "task=compare", "name=told", f"runs=[{a},{b}]")
    assert done.returncode == 0, done.stderr
    assert "runs/b (after) against runs/a (before):" in done.stdout
    assert (only_run(tmp_path, "told") / "compare.md").is_file()
    done = geoloc(tmp_path, "task=compare", "name=refused", f"runs=[{a},{a}]")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "runs: must be folders of two or more different runs" in done.stderr


def test_other_members_of_groups_are_another_protocol(tmp_path):
    grouped = {"groups": "column", "query_list": None, "panoramas": False}
    judged = [{"day": {"protocol": grouped | {"members": mark}}} for mark in ("aa", "bb")]
    a = write_run(tmp_path / "a", {"day": BEFORE}, judged=judged[0])
    b = write_run(tmp_path / "b", {"day": AFTER}, judged=judged[1])
    (line,) = refused(tmp_path / "out", a, b)
    assert "day: who is with whom in a group or panorama differs: fingerprint aa in" in line
    same = write_run(tmp_path / "c", {"day": AFTER}, judged=judged[0])
    compare(tmp_path / "fine", a, same)
    pooled = write_run(tmp_path / "d", {"day": AFTER}, judged={"day": {"protocol": grouped | {"groups": "none"}}})
    (line,) = refused(tmp_path / "pooled", a, pooled)
    assert "day: searched differs" in line
