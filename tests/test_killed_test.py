"""A test that was killed while it described goes on from what it has written, and ends with the same descriptors."""

from __future__ import annotations

import re
import signal
import time

import numpy as np
import pytest
from command_line import TINY, geoloc, only_run, results_of, start
from mini import write_hard_city

TYPED = [key for key in TINY if not key.startswith(("miner.", "trainer.max", "trainer.check"))]


@pytest.mark.slow
@pytest.mark.parametrize("view", ["hard_resize", "five_crops"])
def test_killed_and_resumed_equals_straight(tmp_path, view):
    city = write_hard_city(tmp_path / "city", places=60)
    typed = ["task=test", f"data.path={city}", *TYPED, "infer_batch_size=1", "keep_descriptors=true", f"views={view}"]
    straight = tmp_path / "straight"
    straight.mkdir()
    assert geoloc(straight, *typed).returncode == 0
    killed = tmp_path / "killed"
    killed.mkdir()
    job = start(killed, *typed)
    written = _wait_for_rows(killed, 7)
    job.send_signal(signal.SIGKILL)
    job.communicate()
    run = only_run(killed)
    assert results_of(run)["status"] == "running"
    done = geoloc(killed, f"resume={run}")
    assert done.returncode == 0, done.stderr
    (already,) = re.findall(r"(\d+) of 180 photos are described already", (run / "info.log").read_text())
    assert written // 5 <= int(already) < 180
    for name in ("descriptors", "predictions"):
        for path in sorted((only_run(straight) / name).iterdir()):
            assert path.read_bytes() == (run / name / path.name).read_bytes(), path.name
        assert len(list((run / name).iterdir())) == len(list((only_run(straight) / name).iterdir()))


def _wait_for_rows(folder, wanted):
    """Rows that the store of the run holds, as soon as there are so many."""
    latest = time.monotonic() + 300
    while time.monotonic() < latest:
        time.sleep(0.01)
        for flags in folder.glob("logs/default/*/descriptors/*.written.npy"):
            if flags.stat().st_size > 128 and (number := int(np.load(flags).sum())) >= wanted:
                return number
    raise AssertionError("nothing was described")
