import json

import numpy as np
import pytest
import torch

from geoloc.lit.store import DescriptorStore, tidy


class One:
    """A strategy of a single process."""

    is_global_zero = True

    def barrier(self, name):
        pass


STAMP = {"model": "abc", "size": [64, 64]}


def test_a_store_of_the_same_stamp_is_gone_on_with(tmp_path):
    path = tmp_path / "city.npy"
    store = DescriptorStore.shared(One(), path, 3, 2, stamp=STAMP)
    store.write(torch.tensor([2, 0]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert DescriptorStore.written_rows(path, STAMP).tolist() == [True, False, True]
    again = DescriptorStore.shared(One(), path, 3, 2, stamp={"model": "abc", "size": (64, 64)})  # JSON has no tuples
    assert again.written.tolist() == [True, False, True]
    assert again.vectors.tolist() == [[3.0, 4.0], [0.0, 0.0], [1.0, 2.0]]
    with pytest.raises(RuntimeError, match="1 images have no descriptor"):
        again.check()


@pytest.mark.parametrize("stamp", [{"model": "another", "size": [64, 64]}, None])
def test_another_stamp_or_none_is_a_fresh_store(tmp_path, stamp):
    path = tmp_path / "city.npy"
    DescriptorStore.shared(One(), path, 2, 2, stamp=STAMP).write(torch.tensor([0]), torch.ones(1, 2))
    fresh = DescriptorStore.shared(One(), path, 2, 2, stamp=stamp)
    assert not fresh.written.any()
    assert not fresh.vectors.any()
    assert DescriptorStore.written_rows(path, STAMP) is None


def test_a_store_that_was_not_made_to_its_end_is_none(tmp_path):
    """The stamp comes last: a process that was killed before has left nothing to go on from."""
    path = tmp_path / "city.npy"
    DescriptorStore(path, 2, 2, create=True)
    assert DescriptorStore.written_rows(path, STAMP) is None
    path.with_suffix(".stamp.json").write_text(json.dumps(STAMP)[:-3])
    assert DescriptorStore.written_rows(path, STAMP) is None


@pytest.mark.parametrize("name", ["city.npy", "city.written.npy"])
def test_a_store_that_was_cut_off_is_none(tmp_path, name):
    """As by a copy that was broken off. Opened for writing, the rows that are missing would be zeros, and flagged."""
    path = tmp_path / "city.npy"
    DescriptorStore.shared(One(), path, 3, 2, stamp=STAMP).write(torch.tensor([0, 1, 2]), torch.ones(3, 2))
    content = (tmp_path / name).read_bytes()
    for size in (len(content) - 1, 10, 0):
        (tmp_path / name).write_bytes(content[:size])
        assert DescriptorStore.written_rows(path, STAMP) is None
    assert not DescriptorStore.shared(One(), path, 3, 2, stamp=STAMP).written.any()


def test_float16_keeps_eleven_bits(tmp_path):
    store = DescriptorStore.shared(One(), tmp_path / "city.npy", 1, 3, "float16")
    store.write(torch.tensor([0]), torch.tensor([[1 + 2**-11, 1 + 2**-10, 1 / 3]]))
    assert store.vectors.dtype == np.float16
    assert store.vectors[0].tolist() == [1.0, 1 + 2**-10, 0.333251953125]  # ties to even; 1365 / 4096


@pytest.mark.parametrize("city", ["city", "city_v1.2"])
def test_what_nothing_can_go_on_from_is_deleted(tmp_path, city):
    folder = tmp_path / "descriptors"
    DescriptorStore.shared(One(), folder / "mining.npy", 2, 2)
    DescriptorStore.shared(One(), folder / f"{city}.npy", 2, 2, stamp=STAMP)
    tidy(folder)
    kept = [f"{city}.npy", f"{city}.stamp.json", f"{city}.written.npy"]
    assert sorted(path.name for path in folder.iterdir()) == kept
    (folder / f"{city}.stamp.json").unlink()
    tidy(folder)
    assert not folder.exists()
    tidy(folder)
