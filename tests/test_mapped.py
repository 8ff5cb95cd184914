from pathlib import Path

import numpy as np
import pytest

from geoloc.mapped import forget

MIB = 2**20


def mapped_mib(path: Path) -> float:
    """Memory of this process that is mapped from a file (Linux)."""
    kib, ours = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split()[0]:  # addresses: a mapping begins
            ours = str(path) in line
        elif ours and line.startswith("Rss:"):
            kib += int(line.split()[1])
    return kib / 1024


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells what is mapped")
def test_pages_go_and_what_was_written_stays(tmp_path):
    path = tmp_path / "a.npy"
    array = np.lib.format.open_memmap(path, "w+", np.float32, (1024, 8192))  # 32 MiB
    array[:] = np.arange(1024, dtype=np.float32)[:, None]
    assert mapped_mib(path) > 31
    forget(array[5:10])
    assert mapped_mib(path) < 1
    assert (array[:, 0] == np.arange(1024)).all()
    assert (np.load(path)[:, -1] == np.arange(1024)).all()


def test_arrays_in_memory_and_private_copies_are_left_alone(tmp_path):
    plain = np.arange(5.0)
    forget(plain[1:])
    assert plain.tolist() == [0, 1, 2, 3, 4]
    np.save(tmp_path / "b.npy", plain)
    private = np.load(tmp_path / "b.npy", mmap_mode="c")
    private[0] = 7
    forget(private)
    assert private.tolist() == [7, 1, 2, 3, 4]
