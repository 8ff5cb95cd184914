"""Studies over seeds, from job folders that are written here; intervals by the closed quantiles of Student's t."""

import csv
import json
import math

import pytest
import yaml

from geoloc.report.sweep.study import write_study

T1 = math.tan(math.pi * 0.475)  # 1 degree of freedom
T2 = 0.95 * math.sqrt(2 / (4 * 0.975 * 0.025))  # 2


def write_job(sweep, number, overrides, r1=None, baseline=None, status="finished", **more):
    hydra = sweep / str(number) / ".hydra"
    hydra.mkdir(parents=True)
    (hydra / "overrides.yaml").write_text(yaml.safe_dump(overrides))
    (hydra / "config.yaml").write_text(yaml.safe_dump({"baseline": baseline}))
    if status is not None:
        domains = {} if r1 is None else {"day": {"recalls": {"1": r1, "5": 90.0, "10": 95.0}}}
        (hydra.parent / "results.json").write_text(json.dumps({"status": status, "domains": domains, **more}))


def write_sweep(sweep, recalls, baseline=None):
    """recalls: {combination: R@1 of seeds 0, 1, ...; None for a job that failed}."""
    number = 0
    for combination, values in recalls.items():
        for seed, r1 in enumerate(values):
            failed = {"status": "failed", "error": "RuntimeError: boom"} if r1 is None else {}
            write_job(sweep, number, [*combination.split(), f"seed={seed}", "name=x"], r1, baseline, **failed)
            number += 1


def study(sweep):
    text = write_study(sweep).read_text()
    with (sweep / "study.csv").open() as file:
        return list(csv.DictReader(file)), text


def numbers(row, what):
    return [float(row[f"day/R1{what}{end}"]) for end in ("", "_low", "_high")]


def test_means_and_paired_differences_by_hand(tmp_path):
    write_sweep(tmp_path, {"aug=none": [10, 20, 30], "aug=night": [11, 22, 33]})
    (none, night), text = study(tmp_path)
    assert (none["aug"], none["jobs"], none["seeds"], none["pairs"]) == ("none", "3", "3", "0")
    half = 10 * T2 / math.sqrt(3)
    assert numbers(none, "") == pytest.approx([20, 20 - half, 20 + half], abs=1e-4)
    assert none["day/R1_difference"] == ""  # the baseline differs from itself by nothing that was measured
    assert (night["aug"], night["pairs"]) == ("night", "3")
    half = T2 / math.sqrt(3)  # differences 1, 2, 3
    assert numbers(night, "_difference") == pytest.approx([2, 2 - half, 2 + half], abs=1e-4)
    assert night["day/R10"] == "95.0000"
    assert "- baseline: the first combination, aug=none\n" in text
    assert "| night | 3 of 3 | 3 | 22.0 [-5.3, 49.3] | +2.0 [-0.5, +4.5] | 90.0 [90.0, 90.0] |" in text
    assert "R@10" not in text
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["study.csv", "study.md"]


def test_only_seeds_that_finished_on_both_sides_are_pairs(tmp_path):
    write_sweep(
        tmp_path, {"aug=none": [10, None, 30, 40], "aug=night": [12, 50, None, 44], "aug=color": [None, 1, 2, None]}
    )
    (none, night, color), text = study(tmp_path)
    assert (none["jobs"], none["seeds"]) == ("4", "3")
    assert (night["seeds"], night["pairs"]) == ("3", "2")
    assert numbers(night, "_difference") == pytest.approx([3, 3 - T1, 3 + T1], abs=1e-3)  # 2 and 4, in seeds 0 and 3
    # One pair (seed 2): a difference, and no interval.
    assert (color["pairs"], color["day/R1_difference"], color["day/R1_difference_low"]) == ("1", "-28.0000", "")
    assert "| color | 2 of 4 | 1 |" in text
    assert "| -28.0 |" in text
    assert "- job 1 (aug=none seed=1): failed, RuntimeError: boom\n" in text


def test_a_named_baseline_shares_all_other_keys(tmp_path):
    recalls = {
        "backbone=a aug=night": [15, 25],
        "backbone=a aug=none": [10, 20],
        "backbone=b aug=night": [60, 70],
        "backbone=b aug=none": [50, 66],
        "backbone=c aug=night": [1, 2],
    }
    write_sweep(tmp_path, recalls, baseline="aug=none")
    rows, text = study(tmp_path)
    differences = {(row["backbone"], row["aug"]): row["day/R1_difference"] for row in rows}
    assert differences == {
        ("a", "night"): "5.0000",
        ("a", "none"): "",
        ("b", "night"): "7.0000",
        ("b", "none"): "",
        ("c", "night"): "",
    }
    assert "- baseline: aug=none; so far no job has it beside backbone=c\n" in text


def test_a_baseline_of_several_keys_is_one_combination_and_numbers_are_numbers(tmp_path):
    recalls = {
        f"optimizer={o} wd={wd}": [10 * i, 10 * i + 2] for i, (o, wd) in enumerate([("a", 0), ("a", 0.0001), ("b", 0)])
    }
    write_sweep(tmp_path, recalls, baseline=["optimizer=a", "wd=1e-4"])
    rows, text = study(tmp_path)
    assert [row["day/R1_difference"] for row in rows] == ["-10.0000", "", "10.0000"]
    assert "- baseline: optimizer=a wd=1e-4\n" in text


@pytest.mark.parametrize(
    ("baseline", "said"),
    [
        (
            "aug=nonne",
            "baseline: aug=nonne: no job so far has aug=nonne, only none, night; so there are no differences",
        ),
        ("og=none", "baseline: og=none: must be KEY=VALUE of keys that differ between jobs (so far aug);"),
        ("none", "baseline: none: must be KEY=VALUE of keys that differ between jobs (so far aug);"),
        (3, "baseline: 3: must be KEY=VALUE"),
    ],
)
def test_a_wrong_baseline_is_said_in_one_line(tmp_path, baseline, said):
    write_sweep(tmp_path, {"aug=none": [10, 20], "aug=night": [11, 22]}, baseline)
    rows, text = study(tmp_path)
    assert [row["day/R1_difference"] for row in rows] == ["", ""]
    assert [row["day/R1"] for row in rows] == ["15.0000", "16.5000"]
    assert f"- {said}" in text


def test_a_sweep_that_has_just_begun(tmp_path):
    write_job(tmp_path, 0, ["aug=none", "seed=0"], 10, "aug=none")
    assert write_study(tmp_path) is None  # one seed is no study
    assert not (tmp_path / "study.md").exists()
    write_job(tmp_path, 1, ["aug=none", "seed=1"], status=None)
    (row,), text = study(tmp_path)
    assert (row["jobs"], row["seeds"], row["day/R1"], row["day/R1_low"]) == ("2", "1", "10.0000", "")
    assert "- job 1 (seed=1): no results\n" in text
    assert "(so far no key but seed)" in text


def test_a_seed_that_was_trained_twice_counts_once(tmp_path):
    write_sweep(tmp_path, {"aug=none": [10, 20]})
    write_job(tmp_path, 2, ["aug=none", "seed=1", "name=x"], 99)
    (row,), text = study(tmp_path)
    assert (row["jobs"], row["seeds"], row["day/R1"]) == ("3", "2", "15.0000")
    assert "- job 2 (seed=1): repeats job 1, which counts\n" in text


def test_drawn_seeds_are_those_of_the_runs(tmp_path):
    for number, seed in enumerate((5, 9)):
        write_job(tmp_path, number, [f"seed={-number}"], 10 + number, environment={"seed": seed})
    (row,), _ = study(tmp_path)
    assert (row["seeds"], row["day/R1"]) == ("2", "10.5000")


def test_jobs_that_all_failed_give_a_study_without_tables(tmp_path):
    write_sweep(tmp_path, {"aug=none": [None, None]})
    (row,), text = study(tmp_path)
    assert (row["jobs"], row["seeds"], row["pairs"]) == ("2", "0", "0")
    assert text.count("RuntimeError: boom") == 2


def write_judged(sweep, judged):
    """judged: {radius.eval: (R@1 of seed 0, of seed 1, fingerprint)}."""
    number = 0
    for radius, (*recalls, mark) in judged.items():
        for seed, r1 in enumerate(recalls):
            domains = {"day": {"recalls": {"1": r1}, "radius_m": float(radius)}}
            domains["dusk"] = {"recalls": {"1": r1}, "radius_m": 25.0}
            more = {"domains": domains, "fingerprints": {"day": mark, "dusk": "same"}}
            write_job(sweep, number, [f"radius.eval={radius}", f"seed={seed}"], **more)
            number += 1


def test_recalls_under_different_protocols_are_not_subtracted(tmp_path):
    write_judged(tmp_path, {"25": (50, 60, "photos one"), "50": (70, 90, "photos one")})
    (_, wide), text = study(tmp_path)
    assert (wide["day/R1"], wide["day/R1_difference"]) == ("80.0000", "")
    assert wide["dusk/R1_difference"] == "25.0000"  # that domain has a radius of its own
    assert (
        "- day: radius.eval=50 is not compared in seed 0, 1: judged under another protocol (right within 50 m;"
        " photos photos o) than the baseline (right within 25 m; photos photos o)\n"
    ) in text
    assert text.count("is not compared") == 1
    assert "| 50 | 2 of 2 | 2 | 80.0 [-47.1, 207.1] |  |" in text


def test_recalls_on_other_photos_are_not_subtracted(tmp_path):
    write_judged(tmp_path, {"25": (50, 60, "photos"), "25.0": (70, 90, "others")})
    (_, other), text = study(tmp_path)
    assert other["day/R1_difference"] == ""
    assert "judged under another protocol (right within 25 m; photos others) than the baseline (right within" in text
