"""Where stored maps lie, and which images of a tuple are served beside them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import tiny_data

from geoloc.data.augment.color import Gamma
from geoloc.data.augment.geometric import Flip
from geoloc.data.augment.tuples import Augment
from geoloc.data.batches import tuple_batch
from geoloc.lit.map_file import MapFile
from geoloc.lit.slots import Slots


def test_places_go_to_those_that_were_wanted_last():
    slots, last = Slots(30, 8), {}  # row -> turn in which it was wanted last
    rng = np.random.default_rng(0)
    for turn in range(50):
        rows = rng.choice(30, rng.integers(1, 13), replace=False)
        before = set(np.flatnonzero(slots.of >= 0))
        kept = before & set(rows)
        new = sorted(set(rows) - kept)[: 8 - len(kept)]
        assert slots.want(rows).tolist() == new
        after = set(np.flatnonzero(slots.of >= 0))
        assert kept | set(new) <= after <= before | set(new)
        assert len(after) == min(8, len(before) + len(new))
        assert len(set(slots.of[list(after)])) == len(after)  # nobody shares a place
        left = [last[row] for row in after - set(rows)]
        assert all(last[row] <= min(left, default=turn) for row in before - after)
        last |= dict.fromkeys(kept | set(new), turn)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_file_gives_back_what_was_written(tmp_path, dtype):
    maps = torch.randn(3, 5, 2, 4).to(dtype)
    file = MapFile(tmp_path / "new" / "maps.npy", 4, maps[:1], create=True)
    file.write([3, 0, 1], maps)
    other = MapFile(tmp_path / "new" / "maps.npy", 4, maps[:1], create=False)  # as another process opens it
    found = other.read([0, -1, 3])
    assert found.shape == (3, 5, 2, 4)
    assert found.dtype == dtype
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(found[[2, 0]], maps[:2])
    assert other.path.stat().st_size < 4 * 5 * 2 * 4 * 4 + 1000


def test_only_images_without_a_place_are_served(mini_city):
    data = tiny_data(mini_city, augment=Augment([Gamma([0.5, 2.0], [0.3, 1.0])], keep_original=True))
    data.triplets.select(np.array([[2, 3, 7, 1]]), 0)
    everything = data.triplets[0]  # query, query as it is, positive, two negatives
    data.triplets.places = np.full(18, -1)
    data.triplets.places[[1, 3, 12 + 2]] = [5, 9, 4]
    images, places = data.triplets[0]
    assert places == [-1, -1, 9, -1, 5]  # the query is read though it has a place, for the draws are on its pixels
    assert torch.equal(images, everything[[0, 1, 3]])
    plain = tiny_data(mini_city)
    plain.triplets.select(data.triplets.tuples, 0)
    plain.triplets.places, data = data.triplets.places, plain
    images, places = data.triplets[0]
    assert places == [4, 9, -1, 5]
    data.triplets.places[7] = 0
    none, all_stored = data.triplets[0]
    batch = tuple_batch([(none, all_stored), (images, places)])
    assert batch.shape == (2, 4)
    assert batch.places.tolist() == [[4, 9, 0, 5], [4, 9, -1, 5]]
    assert torch.equal(batch.images, images)
    assert tuple_batch([(none, all_stored)]).images.shape == (0, 3, 64, 64)


@pytest.mark.parametrize(
    ("arguments", "untouched"),
    [
        ({"steps": [Flip()]}, {"positive", "negative"}),
        ({"steps": [Flip()], "images": ["positive", "negative"]}, {"query"}),
        ({"shared": [Flip()]}, set()),
        ({}, {"query", "positive", "negative"}),
    ],
)
def test_which_images_are_never_augmented(arguments, untouched):
    assert Augment(**arguments).untouched == untouched
