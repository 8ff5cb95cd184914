"""Post-processing, tuned or not, in two processes: as in one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mini import write_hard_city
from two_processes_steps import CASES, facts_of, judged


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """An odd number of queries, that the shares differ."""
    return write_hard_city(tmp_path_factory.mktemp("steps") / "mini", places=9)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_two_processes_find_what_one_finds(city, tmp_path, name):
    alone = facts_of(judged(city, tmp_path / "alone", name)[0])
    assert alone["ids"] != alone["raw"]
    here = Path(__file__).resolve().parent
    paths = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(here / "two_processes_steps.py"), str(city), str(tmp_path), name],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for rank in (0, 1):
        content = json.loads((tmp_path / f"rank{rank}.json").read_text())
        assert np.array(content.pop("distances")) == pytest.approx(np.array(alone["distances"]), abs=1e-6)
        assert content == {key: value for key, value in alone.items() if key != "distances"}
    assert (tmp_path / "descriptors" / "mini.faiss_hnsw").is_file()
    assert not list((tmp_path / "descriptors").glob(".*"))
