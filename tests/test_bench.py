"""The command that runs the benchmarks."""

import importlib
import json
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[1] / "scripts" / "bench"
ROW = {"stage": "a", "case": "b", "way": "c", "ratio": 4.0, "note": "d"}


@pytest.fixture
def bench(monkeypatch):
    """Imports a script of the benchmarks, and forgets all of them afterwards."""
    monkeypatch.syspath_prepend(str(BENCH))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if (BENCH / f"{name}.py").is_file():
            del sys.modules[name]


def test_every_stage_can_be_measured(bench):
    pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    for stage in bench("run").STAGES:
        assert callable(bench(stage).measure), stage


def test_a_row_is_of_time_or_of_memory(bench):
    line = bench("run").line
    assert line(ROW | {"baseline_s": 2.0, "ours_s": 0.5}) == "| a | b | c | 2,000.0 ms | 500.0 ms | 4.0 | d |"
    assert line(ROW | {"baseline_mib": 2000.0, "ours_mib": 500.0}) == "| a | b | c | 2,000 MiB | 500 MiB | 4.0 | d |"


def test_a_ratio_is_the_median_of_the_rounds_own(bench):
    taken = {"baseline": [4.0, 9.0, 2.0], "new": [1.0, 3.0, 4.0]}  # 4, 3 and 0.5
    (row,) = bench("rounds").rows("a", "b", taken, {"new": "d"}, scale=2)
    assert row == ROW | {"way": "new", "baseline_s": 8.0, "ours_s": 3.0, "ratio": 6.0}


def test_sides_take_turns_and_the_first_round_does_not_count(bench):
    calls = []
    taken = bench("rounds").in_turn({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2)
    assert "".join(calls) == "ababab"
    assert [len(values) for values in taken.values()] == [2, 2]


def test_flat_faiss_is_searched_by_its_fast_way(bench):
    import faiss

    search = bench("search")
    assert search.FEW * min(search.SIZES) > faiss.cvar.distance_compute_blas_threshold


def test_a_stage_that_fails_is_told_and_the_others_are_measured(bench, monkeypatch, capsys, tmp_path):
    run = bench("run")

    def one(stage, full, reuse_memory):
        if stage == "search":
            raise RuntimeError("no such thing")
        return [ROW | {"stage": stage, "baseline_s": 2.0, "ours_s": 0.5}]

    monkeypatch.setattr(run, "one", one)
    path = tmp_path / "figures.json"
    monkeypatch.setattr(sys, "argv", ["run.py", "--stages", "search", "counting", "--json", str(path)])
    with pytest.raises(SystemExit, match="failed: search"):
        run.main()
    told = capsys.readouterr()
    assert "1/2 search: failed: no such thing" in told.err
    assert "| counting | b | c | 2,000.0 ms | 500.0 ms | 4.0 | d |" in told.out
    figures = json.loads(path.read_text())
    assert [row["stage"] for row in figures["rows"]] == ["counting"]
    assert figures["failed"] == ["search"]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("print('a table'); raise ValueError('too few')", "ValueError: too few"),
        ("import os; os.kill(os.getpid(), 9)", "ended by signal 9"),
        ("raise SystemExit(3)", "exit code 3"),
    ],
)
def test_what_ended_a_stage(bench, monkeypatch, tmp_path, code, told):
    run = bench("run")
    script = tmp_path / "stage.py"
    script.write_text(code)
    monkeypatch.setattr(run, "__file__", str(script))
    with pytest.raises(RuntimeError, match=told):
        run.one("search", False, False)


def test_a_file_that_cannot_be_written_is_told_before_anything_is_measured(bench, monkeypatch, capsys, tmp_path):
    run = bench("run")
    monkeypatch.setattr(run, "one", lambda *_: pytest.fail("measured"))
    monkeypatch.setattr(sys, "argv", ["run.py", "--json", str(tmp_path / "none" / "figures.json")])
    with pytest.raises(SystemExit) as ended:
        run.main()
    assert ended.value.code == 2
    assert "figures.json: No such file or directory" in capsys.readouterr().err


@pytest.mark.slow
def test_memory_of_a_small_evaluation(bench):
    rows = bench("memory").ways(600, 20, 64, array=True)
    assert [row["way"] for row in rows] == ["store float16", "store float32", "array"]
    assert all(row["all_mib"] >= 0 for row in rows)
