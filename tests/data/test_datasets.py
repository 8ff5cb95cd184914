from pathlib import Path

import numpy as np
import pytest
import torch
from mini import write_mini_city, write_side
from PIL import Image
from torch.utils.data import DataLoader

from geoloc.data.augment.camera import SensorNoise
from geoloc.data.augment.color import Brightness
from geoloc.data.augment.geometric import Flip
from geoloc.data.augment.tuples import Augment
from geoloc.data.datasets import Images, Triplets
from geoloc.data.domains import folder
from geoloc.data.images import read_image, resize, to_tensor
from geoloc.data.overlap import same_photo
from geoloc.data.twins import Twins
from geoloc.errors import InputError

NOISE = Augment([SensorNoise(shot=0.0, read=0.2)])


@pytest.fixture
def train(mini_city):
    return folder(mini_city, "train")


def test_images_come_with_their_row(train):
    rows = np.array([4, 0])
    (image, row), _ = Images(train.paths(), (32, 48), rows)
    assert (row, image.shape, image.dtype) == (4, (3, 32, 48), torch.uint8)
    assert torch.equal(image, resize(to_tensor(read_image(train.paths()[4])), (32, 48)))


def test_a_tuple_is_query_positive_negatives(train):
    triplets = Triplets(train, (32, 32), None, seed=0)
    triplets.select(np.array([[2, 5, 7, 9]]), epoch=0)
    expected = [train.queries.path(2), *(train.database.path(row) for row in (5, 7, 9))]
    for image, path in zip(triplets[0], expected, strict=True):
        assert torch.equal(image, resize(to_tensor(read_image(path)), (32, 32)))


def test_only_the_query_is_augmented(train):
    plain, night = (Triplets(train, (32, 32), step, seed=0) for step in (None, NOISE))
    for triplets in (plain, night):
        triplets.select(np.array([[0, 1, 2, 3]]), epoch=0)
    assert torch.equal(night[0][1:], plain[0][1:])
    assert not torch.equal(night[0][0], plain[0][0])


@pytest.mark.parametrize(
    ("images", "changed"), [(["positive"], [1]), (["negative"], [2, 3]), (["query", "negative"], [0, 2, 3])]
)
def test_roles(train, images, changed):
    noisy = Augment([SensorNoise(shot=0.0, read=0.2)], images=images)
    plain, night = (Triplets(train, (32, 32), step, seed=0) for step in (None, noisy))
    for triplets in (plain, night):
        triplets.select(np.array([[0, 1, 2, 2]]), epoch=0)
    other = [number for number in range(4) if not torch.equal(night[0][number], plain[0][number])]
    assert other == changed
    if changed[-1] == 3:  # the same photo twice: each gets noise of its own
        assert not torch.equal(night[0][2], night[0][3])


def test_the_original_query_is_kept_beside_the_augmented_one(train):
    """Augmented view, original, positive, negatives; what is shared reaches both views."""
    noisy = Augment([SensorNoise(shot=0.0, read=0.2)], shared=[Flip(p=1.0)], keep_original=True)
    plain, alone, both = (
        Triplets(train, (32, 32), step, seed=0)
        for step in (None, Augment([SensorNoise(shot=0.0, read=0.2)], shared=[Flip(p=1.0)]), noisy)
    )
    for triplets in (plain, alone, both):
        triplets.select(np.array([[0, 1, 2, 3]]), epoch=0)
    assert (plain.views, alone.views, both.views) == (1, 1, 2)
    assert torch.equal(both[0][1:], plain[0].flip(3))
    assert torch.equal(both[0][0], alone[0][0])  # the draws are those without the original
    assert not torch.equal(both[0][0], both[0][1])


def test_steps_that_change_nothing_are_refused():
    with pytest.raises(ValueError, match=r"images: \[\] gives the steps no image to change"):
        Augment([Brightness(0.0)], images=[])
    for still in ({"shared": [Flip()]}, {"steps": [Brightness(0.0)], "images": ["positive"]}):
        with pytest.raises(ValueError, match="keep_original: nothing changes the query"):
            Augment(**still, keep_original=True)


def test_what_is_shared_is_drawn_apart_from_what_is_not(train):
    """Of 80 tuples some 20 have the query darkened and all mirrored, and so on for all four combinations."""
    aug = Augment([Brightness(0.0, p=0.5)], shared=[Flip(p=0.5)])
    plain, both = (Triplets(train, (32, 32), step, seed=0) for step in (None, aug))
    seen = []
    for epoch in range(80):
        for triplets in (plain, both):
            triplets.select(np.array([[0, 1, 2, 3]]), epoch)
        seen.append((not both[0][0].any().item(), not torch.equal(both[0][1], plain[0][1])))
    assert all(8 <= seen.count((dark, flipped)) <= 32 for dark in (True, False) for flipped in (True, False))


def test_twins_take_the_place_of_queries_only(tmp_path):
    city = write_mini_city(tmp_path / "city")
    domain = folder(city, "train")
    with pytest.raises(InputError, match=r"queries_translated: 6 of 6 training queries have no night twin; make them"):
        Triplets(domain, (32, 32), Augment(twins=Twins(p=0.5)), seed=0)
    for row in range(len(domain.queries)):
        path = Path(Twins(p=1.0).twin(str(domain.queries.path(row))))
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (64, 48), (10, 20, 30 + row)).save(path, quality=100)
    plain, twins, mixed = (
        Triplets(domain, (32, 32), augment, seed=0)
        for augment in (None, Augment(twins=Twins(p=1.0)), Augment(twins=Twins(p=0.5)))
    )
    for triplets in (plain, twins, mixed):
        triplets.select(np.array([[query, 0, 1, 2] for query in range(4)] * 5), epoch=0)
    assert torch.equal(twins[1][1:], plain[1][1:])
    assert twins[1][0].float().mean(dim=(1, 2)).tolist() == pytest.approx([10, 20, 31], abs=2)
    night = []
    for epoch in range(10):
        mixed.select(mixed.tuples[:4], epoch)
        night += [abs(float(mixed[query][0, 0].float().mean()) - 10) < 3 for query in range(4)]
    assert 10 <= sum(night) <= 30  # of 40, at p = 0.5


def test_a_flip_is_of_the_whole_tuple_or_of_none(train):
    plain, flips = (
        Triplets(train, (32, 32), step, seed=0) for step in (None, Augment(shared=[Flip(p=0.5)], images=[]))
    )
    tuples = np.array([[query, 1, 2, 3] for query in range(6)] * 4)
    flipped = set()
    for epoch in range(4):
        for triplets in (plain, flips):
            triplets.select(tuples, epoch)
        for straight, seen in zip(plain, flips, strict=False):
            assert torch.equal(seen, straight) or torch.equal(seen, straight.flip(3))
            flipped.add(torch.equal(seen, straight))
    assert flipped == {True, False}


@pytest.mark.parametrize("workers", [0, 2])
def test_augmentation_depends_on_seed_epoch_and_query_only(train, workers):
    def load(seed, epoch, shuffle=False):
        triplets = Triplets(train, (32, 32), NOISE, seed)
        triplets.select(np.array([[query, 0, 5, 6] for query in range(4)]), epoch)
        order = torch.Generator().manual_seed(9)
        batches = DataLoader(triplets, 2, shuffle=shuffle, num_workers=workers, generator=order)
        return torch.cat(list(batches))

    first = load(0, 0)
    assert torch.equal(first, load(0, 0))
    assert sorted(first.flatten(1).sum(1).tolist()) == sorted(load(0, 0, shuffle=True).flatten(1).sum(1).tolist())
    assert not torch.equal(first, load(0, 1))
    assert not torch.equal(first, load(1, 0))
    alone = Triplets(train, (32, 32), NOISE, 0)
    alone.select(np.array([[3, 0, 5, 6]]), 0)
    assert torch.equal(alone[0], first[3])


def test_drawing_for_the_query_leaves_the_global_generator_alone(train):
    triplets = Triplets(train, (32, 32), NOISE, seed=0)
    triplets.select(np.array([[0, 1, 2, 3]]), epoch=0)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    triplets[0]
    assert torch.equal(torch.rand(1), expected)


def test_the_query_photo_in_the_database_is_found(tmp_path):
    base = tmp_path / "images/test"
    first, second, third = write_side(base / "queries", [500_000, 500_300, 500_600], noise=1)
    write_side(base / "database", [500_000, 500_300, 500_600], noise=50, tag="db")
    (base / "database" / first.name).write_bytes(first.read_bytes())  # same bytes, same name
    renamed = base / "database" / second.name.replace("@1@", "@copy@")
    renamed.write_bytes(second.read_bytes())  # same bytes, another name
    (base / "database" / third.name.replace("500600", "505600")).write_bytes(
        third.read_bytes()
    )  # 5 km away: no positive
    domain = folder(tmp_path)
    positives = domain.positives(25)
    queries, rows = positives.pairs()
    found = [(int(q), str(domain.database.names[row])) for q, row in zip(queries, rows, strict=True)]
    marked = [pair for pair, same in zip(found, same_photo(domain, positives), strict=True) if same]
    assert marked == [(0, first.name), (1, renamed.name)]


def test_the_same_exposure_under_two_encodings_is_found(tmp_path):
    from mini import name_of, write_image

    base = tmp_path / "images/test"
    write_image(base / "queries" / name_of(500_000, tag="p1", time="20240101_1200"), 1, noise=1)
    write_image(base / "database" / name_of(500_000, tag="p1", time="20240101_1200"), 1, noise=2)
    write_image(base / "database" / name_of(500_001, tag="p1", time="20240101_1300"), 1, noise=3)
    domain = folder(tmp_path)
    assert same_photo(domain, domain.positives(25)).tolist() == [True, False]
