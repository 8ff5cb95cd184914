"""What a killed test is gone on from: never descriptors of another photo, network or precision."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from mini import write_mini_city
from tiny import tiny_data, tiny_module, tiny_net, tiny_trainer

from geoloc.extraction.describer import TRIED, Describer
from geoloc.lit.leftover import left_of, stamp_of
from geoloc.lit.store import DescriptorStore


@pytest.fixture
def city(tmp_path):
    return write_mini_city(tmp_path / "mini", places=10)


def store_of(path, stamp, rows):
    """A store of 30 rows as a killed process leaves it."""
    store = DescriptorStore(path, 30, 2, create=True)
    store.write(torch.tensor(rows), torch.ones(len(rows), 2))
    store.stamp_path.write_text(stamp)


def test_the_first_photos_of_each_process_are_described_again(city, tmp_path):
    """By them the precision is chosen."""
    (domain,) = tiny_data(city).domains["test"]
    path = tmp_path / "city.npy"
    store_of(path, '{"model": "abc"}', [*range(25), 29])
    assert left_of(domain, path, {"model": "another"}, 1, 1).tolist() == list(range(30))
    assert left_of(domain, path, {"model": "abc"}, 1, 1).tolist() == [*range(TRIED), 25, 26, 27, 28]
    assert left_of(domain, path, {"model": "abc"}, 1, 2).tolist() == [*range(2 * TRIED), 25, 26, 27, 28]


def test_the_stamp_is_of_all_that_the_rows_depend_on(city, tmp_path):
    def stamp(batch=16, model="abc", **asked):
        data = tiny_data(city, infer_batch_size=batch)
        trainer = tiny_trainer(tmp_path, [])
        trainer.datamodule = data
        (domain,) = data.domains["test"]
        return stamp_of(domain, domain.fingerprint(), model, trainer, asked)

    first = stamp(dtype="float32")
    assert first == stamp(dtype="float32") == stamp(batch=32, dtype="float32")
    assert first != stamp(dtype="float16")
    assert first != stamp(model="another", dtype="float32")
    assert first != stamp(batch=2, dtype="float32")  # fewer images decide on the precision
    photo = sorted(city.glob("images/test/queries/*.jpg"))[0]
    content, before = photo.read_bytes(), photo.stat()
    photo.write_bytes(content[:-2] + bytes(2))
    os.utime(photo, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert photo.stat().st_size == before.st_size
    assert first != stamp(dtype="float32")


class ByTheFirst(Describer):
    """Takes a way that only the first images of the first batch decide on, and changes all descriptors by it."""

    def __call__(self, images):
        if self.twin is None:
            self.twin, self.sign = self.net, -1 if int(images[:TRIED].sum()) % 2 else 1
        return self.sign * self.net(images)


def test_a_killed_test_chooses_its_precision_as_before(city, tmp_path):
    """Killed after each number of batches in turn, so that other photos come first if nothing is done about it."""

    def described(folder, killed_after=None):
        module = tiny_module(tiny_net(), folder, keep_descriptors=True, describer=ByTheFirst())
        write, batches = DescriptorStore.write, []

        def counted(store, rows, descriptors):
            batches.append(rows)
            if killed_after is not None and len(batches) > killed_after:
                raise KeyboardInterrupt
            write(store, rows, descriptors)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DescriptorStore, "write", counted)
            try:
                data = tiny_data(city, infer_batch_size=4)
                tiny_trainer(folder, []).test(module, datamodule=data, verbose=False)
            except (KeyboardInterrupt, SystemExit):
                return None, len(batches)
        return np.load(folder / "descriptors" / "mini.npy"), len(batches)

    straight, batches = described(tmp_path / "straight")
    assert batches == 8
    for number in (1, 3, 6):
        folder = tmp_path / f"killed_{number}"
        assert described(folder, number)[0] is None
        again, fewer = described(folder)
        assert fewer == 8 - (number - 1)  # the first four photos, one batch, come again
        assert again == pytest.approx(straight, abs=1e-6)


def test_descriptors_stay_until_the_results_are_written(city, tmp_path):
    module = tiny_module(tiny_net(), tmp_path)
    tiny_trainer(tmp_path, []).test(module, datamodule=tiny_data(city), verbose=False)
    left = {path.name for path in (tmp_path / "descriptors").iterdir()}
    assert left == {"mini.npy", "mini.stamp.json", "mini.written.npy"}
    module.evaluation.close(keep=False)
    assert not (tmp_path / "descriptors").exists()
