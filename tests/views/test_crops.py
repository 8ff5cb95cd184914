"""Which pixels of a query each view shows."""

import numpy as np
import pytest
import torch
from networks import images

from geoloc.data.images import resize
from geoloc.views.central_crop import CentralCrop
from geoloc.views.five_crops import FiveCrops
from geoloc.views.hard_resize import HardResize
from geoloc.views.maj_voting import MajVoting
from geoloc.views.nearest_crop import NearestCrop
from geoloc.views.single_query import SingleQuery

FIVE = (FiveCrops(), NearestCrop(), MajVoting())


def numbered(height, width):
    """Each pixel says where it is: its row in the first channel and its column in the second."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([rows, columns, torch.zeros_like(rows)]).to(torch.uint8)


def corners(crop):
    """(top, left) and (bottom, right) pixel of a numbered crop."""
    return crop[:2, 0, 0].tolist(), crop[:2, -1, -1].tolist()


def test_hard_resize_is_what_training_and_the_database_get():
    photo = images(3, 50, 70)
    crops = HardResize().crops(photo, (32, 48))
    assert crops.shape == (1, 3, 32, 48)
    assert torch.equal(crops[0], resize(photo, (32, 48)))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((96, 128), (48, 64)), ((128, 96), (64, 48)), ((100, 75), (64, 48)), ((60, 60), (48, 48)), ((24, 31), (48, 62))],
)
def test_single_query_keeps_the_aspect_ratio(shape, expected):
    photo = images(3, *shape)
    crops = SingleQuery().crops(photo, (48, 64))
    assert crops.shape == (1, 3, *expected)
    assert torch.equal(crops[0], resize(photo, expected))


@pytest.mark.parametrize(
    ("shape", "top_left"),
    [((48, 64), (0, 0)), ((48, 100), (0, 18)), ((90, 64), (21, 0))],
)
def test_central_crop_cuts_both_sides_alike(shape, top_left):
    (crop,) = CentralCrop().crops(numbered(*shape), (48, 64))
    first, last = corners(crop)
    assert tuple(first) == top_left
    assert tuple(last) == (top_left[0] + 47, top_left[1] + 63)


def test_central_crop_scales_until_the_image_size_is_covered():
    photo = images(3, 120, 128)  # by 0.5 to 60 x 64, of which rows 6 to 53 remain
    (crop,) = CentralCrop().crops(photo, (48, 64))
    assert torch.equal(crop, resize(photo, (60, 64))[:, 6:54])
    assert CentralCrop().crops(images(3, 31, 17), (48, 64)).shape == (1, 3, 48, 64)


@pytest.mark.parametrize("view", FIVE)
def test_five_squares_are_the_corners_and_the_centre(view):
    crops = view.crops(numbered(40, 60), (40, 200))
    assert crops.shape == (view.count, 3, 40, 40)
    assert [corners(crop) for crop in crops] == [
        ([0, 0], [39, 39]),
        ([0, 20], [39, 59]),
        ([0, 0], [39, 39]),
        ([0, 20], [39, 59]),
        ([0, 10], [39, 49]),
    ]


@pytest.mark.parametrize("view", FIVE)
def test_five_squares_of_an_upright_photo(view):
    photo = images(3, 130, 80)
    crops = view.crops(photo, (64, 40))
    scaled = resize(photo, (65, 40))
    parts = (scaled[:, :40], scaled[:, :40], scaled[:, 25:], scaled[:, 25:], scaled[:, 12:52])
    assert all(torch.equal(crop, part) for crop, part in zip(crops, parts, strict=True))


@pytest.mark.parametrize("view", [HardResize(), SingleQuery(), CentralCrop(), *FIVE])
@pytest.mark.parametrize("size", [(48, 64), (64, 48), (48, 48)])
def test_sizes_are_those_of_the_crops(view, size):
    seen = {tuple(view.crops(images(3, *shape), size).shape[2:]) for shape in ((40, 60), (60, 40), (50, 50))}
    said = set(view.sizes(size))
    assert seen == said or (isinstance(view, SingleQuery) and (48, 48) in said)


def test_five_crops_searches_the_mean_at_the_length_of_the_crops():
    descriptors = np.random.default_rng(0).normal(size=(3, 5, 7)).astype(np.float32)
    pooled = FiveCrops().pool(descriptors)
    for query, own in zip(descriptors, pooled, strict=True):
        mean = sum(crop.astype(np.float64) for crop in query) / 5
        length = sum(np.sqrt((crop.astype(np.float64) ** 2).sum()) for crop in query) / 5
        assert own == pytest.approx(mean / np.sqrt((mean**2).sum()) * length, abs=1e-5)
    unit = descriptors / np.linalg.norm(descriptors, axis=2, keepdims=True)
    assert np.linalg.norm(FiveCrops().pool(unit), axis=1) == pytest.approx(1, abs=1e-6)
    assert pooled.dtype == np.float32
    assert FiveCrops().pool(np.zeros((1, 5, 7), np.float32)).tolist() == [[0.0] * 7]
