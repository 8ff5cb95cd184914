"""What docs/scale.md says, and the scripts that measured it."""

import sys
from pathlib import Path

import numpy as np
import pytest

from geoloc.index.capacity import hours, needs

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts" / "bench"))
    import capacity
    import frontier
    import scale

    yield scale, frontier, capacity
    for name in ("scale", "frontier", "search", "capacity"):
        sys.modules.pop(name, None)


def test_what_a_database_takes_worked_out_by_hand():
    """30 M images: libraries state 31 GB in float16 at 512 values, and 507 GB at 8,448."""
    need = needs(30_000_000, 512)
    assert need.float16 == 30_720_000_000
    assert need.float32 == 2 * need.float16
    assert needs(30_000_000, 8448).float16 == 506_880_000_000
    assert need.faiss_hnsw == 30_000_000 * (512 * 4 + 32 * 2 * 4)
    lists = 21_909  # 4 sqrt(30 M)
    # Codes and centres; the table of 64 x 256 distances a list; the sample, and twice 65,536 rows of it for the codes.
    table, sample = 4 * lists * 64 * 256, 39 * lists + 2 * 65_536
    assert need.faiss_ivfpq == 30_000_000 * 72 + 2048 * (lists + 256) + table + 2048 * sample
    assert need.exact == 4 * (2 * 8192 * 512 + 1024 * 512 + 1024 * 8192)
    # Of long descriptors a block has 128 MB: 2,048 rows of 16,384 values.
    assert needs(30_000_000, 16_384).exact == 4 * (2 * 2048 * 16_384 + 1024 * 16_384 + 1024 * 2048)
    assert hours(3_600_000, 100) == 10


def test_the_page_has_the_table_that_the_script_prints(scripts):
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    assert "\n".join(scripts[2].table()) in page


def test_exponents(scripts):
    scale, *_ = scripts
    assert scale.exponent([10], [1.0]) is None
    assert scale.exponent([10, 1000], [3.0, 30.0]) == pytest.approx(0.5)
    # Start-up costs at small sizes do not count.
    assert scale.exponent([1, 10, 100, 1000, 10_000], [900, 900, 100, 10_000, 1e6]) == pytest.approx(2)


def test_a_small_measurement(scripts):
    rows = scripts[0].measure(largest=1000, dim=16, seconds=60)
    names = [row["subject"] for row in rows]
    assert names[:3] == ["exact: 200 queries", "faiss_hnsw: building", "faiss_hnsw: 200 queries"]
    assert len(names) == 9
    for row in rows:
        assert row["size"] == [1000]
        assert row["seconds"][0] > 0
        assert row["time_exponent"] is None
    assert len(scripts[0].lines(rows)) == 11


def test_memory_is_that_of_the_call(scripts):
    seconds, needed, result = scripts[0].timed(lambda: np.ones(10_000_000).sum())
    assert result == 10_000_000
    assert seconds > 0
    assert 60e6 < needed < 120e6  # 80 MB, of which an allocator may have some at hand


def test_the_frontier_of_one_setting(scripts, tmp_path):
    _, frontier, _ = scripts
    database, asked = frontier.descriptors(600, 16, 20)
    settings = {"faiss_hnsw ef_search": (lambda value: frontier.FaissHnsw(m=8, ef_search=value), (16, 600))}
    rows = frontier.measure(database, asked, 1, settings)
    assert [row["value"] for row in rows] == [16, 600]
    assert rows[1]["rk"] > 0.99
    assert rows[0]["memory_mib"] == 600 * (4 * 16 + 8 * 8) / 2**20
    assert not all(row["beaten"] for row in rows)
    for name in ("a.svg", "a.png"):
        frontier.plot(rows, tmp_path / name, "title")
        assert (tmp_path / name).stat().st_size > 1000


def test_what_is_beaten(scripts):
    beaten = scripts[1].beaten_ones([0.9, 0.8, 0.8, 0.7, 0.9], [1, 5, 4, 5, 1])
    assert beaten == [False, False, True, True, False]  # equals do not beat each other
