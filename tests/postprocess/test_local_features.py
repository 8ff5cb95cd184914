import builtins
from pathlib import Path

import cv2
import numpy as np
import pytest

from geoloc.data.images import read_image
from geoloc.errors import InputError
from geoloc.places import PlaceSet
from geoloc.postprocess import local_features
from geoloc.postprocess.chain import Evidence, apply, evidence_of
from geoloc.postprocess.local_features import LocalFeatures, matches
from geoloc.predictions import Predictions


def texture(seed, height=240, width=320):
    """Boxes and discs of random colours: many corners, and none of them twice."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), 120, np.uint8)
    for _ in range(150):
        x, y, size = int(rng.integers(width)), int(rng.integers(height)), int(rng.integers(4, 30))
        colour = tuple(int(c) for c in rng.integers(256, size=3))
        if rng.random() < 0.5:
            cv2.rectangle(image, (x, y), (x + size, y + int(rng.integers(4, 30))), colour, -1)
        else:
            cv2.circle(image, (x, y), size // 2, colour, -1)
    return image


def two_views(seed):
    """Two views of a scene with depth: the far layer moves little, the near one in front of it much."""
    far, near = texture(seed, 300, 420), texture(seed + 1000, 300, 420)
    views = []
    for shift in (0, 1):
        view = far[30:270, 40 + 5 * shift : 360 + 5 * shift].copy()
        view[140:] = near[30:130, 40 + 40 * shift : 360 + 40 * shift]
        views.append(view)
    return views


GREY = np.full((240, 320, 3), 128, np.uint8)


def evidence_of_photos(database, queries, log=None):
    photos = {f"d{i}": image for i, image in enumerate(database)} | {f"q{i}": image for i, image in enumerate(queries)}

    def read(path):
        if log is not None:
            log.append(str(path))
        return photos[str(path)]

    return Evidence(
        np.zeros((len(database), 2)),
        np.full(len(database), ""),
        database_photo=lambda row: Path(f"d{row}"),
        query_photo=lambda row: Path(f"q{row}"),
        read=read,
    )


def order_of(step, ids, evidence):
    return step(np.asarray(ids), np.zeros(np.shape(ids), np.float32), evidence).tolist()


@pytest.fixture(scope="module")
def street():
    """Database: four strangers, then the other view of query 0 and of query 1."""
    a, b = two_views(50), two_views(60)
    return [*(texture(seed) for seed in range(4)), a[1], b[1]], [a[0], b[0]]


def test_the_same_place_comes_first_and_the_rest_keeps_its_order(street):
    evidence = evidence_of_photos(*street)
    step = LocalFeatures()
    ids = [[3, 1, 5, 4, 0, 2], [2, 4, 3, 0, 1, 5]]
    order = order_of(step, ids, evidence)
    assert [ids[0][order[0][0]], ids[1][order[1][0]]] == [4, 5]
    assert order_of(step, ids, evidence) == order  # and a fresh one agrees
    assert order_of(LocalFeatures(), ids, evidence) == order


def test_the_number_of_inliers(street):
    """The same photo agrees with itself in most of its features, another view in fewer, another place in hardly any."""
    step = LocalFeatures()
    (view, _), stranger = street[1], street[0][0]
    keypoints = [step._keypoints(cv2, image) for image in (view, street[0][4], stranger)]
    itself, other_view, elsewhere = (step._inliers(cv2, keypoints[0], other) for other in keypoints)
    assert itself > other_view > 30 > 15 > elsewhere
    assert itself <= len(keypoints[0].points)


def test_inliers_of_made_matches():
    """20 points moved along their rows lie on one epipolar geometry; 10 moved at random do not."""
    rng = np.random.default_rng(0)
    points = rng.uniform(20, 600, (30, 2)).astype(np.float32)
    moved = points.copy()
    moved[:20, 0] += rng.uniform(5, 60, 20).astype(np.float32)
    moved[20:] += rng.uniform(40, 150, (10, 2)).astype(np.float32) * rng.choice([-1, 1], (10, 2)).astype(np.float32)
    descriptors = (np.eye(30, 128) * 200).astype(np.uint8)  # no two alike
    left = local_features.Keypoints(points, descriptors)
    right = local_features.Keypoints(moved, descriptors)
    found = LocalFeatures(threshold=1.0)._inliers(cv2, left, right)
    assert 20 <= found <= 24  # a random point may lie near its line
    few = local_features.Keypoints(points[:7], descriptors[:7])
    assert LocalFeatures()._inliers(cv2, few, few) == 0
    same = local_features.Keypoints(np.full((30, 2), 5, np.float32), descriptors)
    assert LocalFeatures()._inliers(cv2, same, same) <= 30  # all in one spot: no exception


def slow_matches(query, database, ratio):
    pairs = []
    for i, q in enumerate(query):
        apart = [float(np.linalg.norm(q - x)) for x in database]
        j = int(np.argmin(apart))
        back = int(np.argmin([float(np.linalg.norm(database[j] - other)) for other in query]))
        if back == i and apart[j] < ratio * sorted(apart)[1]:
            pairs.append((i, j))
    return pairs


@pytest.mark.parametrize("ratio", [0.7, 0.8, 1.0])
def test_matches_equal_the_slow_reference(ratio):
    rng = np.random.default_rng(0)
    database = np.abs(rng.normal(size=(40, 16)))
    query = np.concatenate([database[5:25] + 0.25 * rng.normal(size=(20, 16)), np.abs(rng.normal(size=(15, 16)))])
    query, database = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (query, database))
    found = matches(query.astype(np.float32), database.astype(np.float32), ratio)
    assert list(zip(*(rows.tolist() for rows in found), strict=True)) == slow_matches(query, database, ratio)
    assert len(found[0]) > 5


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 5), (5, 0), (1, 5), (5, 1)])
def test_too_few_features_to_match(n, m):
    left, right = matches(np.ones((n, 4), np.float32), np.ones((m, 4), np.float32), 0.8)
    assert left.size == right.size == 0


def test_root_sift_by_hand():
    """Values 9 and 16 of a sum of 25: roots 0.6 and 0.8, and length 1."""
    descriptors = np.zeros((2, 128), np.uint8)
    descriptors[0, :2] = 9, 16
    roots = local_features.Keypoints(np.zeros((2, 2), np.float32), descriptors).roots
    assert roots[0, :3] == pytest.approx([0.6, 0.8, 0.0])
    assert (roots[1] == 0).all()


@pytest.mark.parametrize("size", [(240, 320), (32, 32), (1, 1), (1, 300), (3, 3)])
def test_photos_without_features_keep_the_order(street, size):
    """Field fault C6: a uniform query, and images of a few pixels."""
    grey = np.full((*size, 3), 128, np.uint8)
    database = [*street[0], grey, texture(7, 32, 32)]
    ids = [[7, 3, 1, 5, 6, 4, 0, 2]]
    assert order_of(LocalFeatures(), ids, evidence_of_photos(database, [grey])) == [list(range(8))]
    few = order_of(LocalFeatures(), ids, evidence_of_photos(database, [texture(8, *size)]))
    assert sorted(few[0]) == list(range(8))


def test_an_exception_of_opencv_is_a_score_of_0(monkeypatch, street):
    def broken(*_):
        raise cv2.error("no model")

    monkeypatch.setattr(cv2, "findFundamentalMat", broken)
    assert order_of(LocalFeatures(), [[3, 4, 0]], evidence_of_photos(*street)) == [[0, 1, 2]]
    monkeypatch.setattr(cv2, "findFundamentalMat", lambda *_: (None, None))
    assert order_of(LocalFeatures(), [[3, 4, 0]], evidence_of_photos(*street)) == [[0, 1, 2]]


def test_large_photos_are_shrunk_and_small_ones_stay():
    step = LocalFeatures(size=160, features=50)
    photo = texture(3)
    shrunk = step._keypoints(cv2, photo)
    assert 0 < shrunk.points[:, 0].max() < 160
    assert shrunk.points[:, 1].max() < 120
    by_hand = step._keypoints(cv2, cv2.resize(photo, (160, 120), interpolation=cv2.INTER_AREA))
    assert np.array_equal(shrunk.points, by_hand.points)
    assert len(shrunk.points) <= 50
    whole = LocalFeatures(size=640)._keypoints(cv2, photo)
    assert whole.points[:, 0].max() > 160
    assert np.array_equal(whole.points, LocalFeatures(size=320)._keypoints(cv2, photo).points)


def test_descriptors_are_kept_without_loss():
    photo = texture(4)
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    _, whole = cv2.SIFT_create(nfeatures=1000).detectAndCompute(grey, None)
    assert np.array_equal(LocalFeatures()._keypoints(cv2, photo).descriptors, whole)


def test_a_photo_is_read_once_though_two_queries_want_it(street):
    log = []
    order_of(LocalFeatures(), [[0, 4, 1], [1, 4, 5]], evidence_of_photos(*street, log=log))
    assert sorted(log) == ["d0", "d1", "d4", "d5", "q0", "q1"]


def test_depth_and_a_list_shorter_than_it(street):
    evidence = evidence_of_photos(*street)
    ids = np.array([[3, 1, 5, 4, 0, 2], [2, 4, 3, 0, 1, 5]])
    before = Predictions(ids, np.tile(np.arange(6, dtype=np.float32), (2, 1)), 6)
    whole = apply(LocalFeatures(depth=50), before, evidence)
    assert whole.ids[:, 0].tolist() == [4, 5]
    assert (np.sort(whole.ids, axis=1) == np.arange(6)).all()
    part = apply(LocalFeatures(depth=4), before, evidence)
    assert (part.ids[:, 4:] == ids[:, 4:]).all()
    assert part.ids[0, 0] == 4
    assert set(part.ids[1, :4].tolist()) == {2, 4, 3, 0}
    assert apply(LocalFeatures(depth=1), before, evidence).ids.tolist() == ids.tolist()


def test_photos_in_files(tmp_path, street):
    """As a run gives them: places with names, and the reader of `data`."""
    for side, images in zip(("database", "queries"), street, strict=True):
        (tmp_path / side).mkdir()
        for row, image in enumerate(images):
            cv2.imwrite(str(tmp_path / side / f"{row}.png"), image[..., ::-1])
    places = [
        PlaceSet(tmp_path / side, np.array([f"{row}.png" for row in range(n)]), np.full((n, 2), 3e5))
        for side, n in (("database", 6), ("queries", 2))
    ]
    evidence = evidence_of(*places, None, lambda path: np.asarray(read_image(path)))
    ids = [[3, 1, 5, 4, 0, 2], [2, 4, 3, 0, 1, 5]]
    assert order_of(LocalFeatures(), ids, evidence) == order_of(LocalFeatures(), ids, evidence_of_photos(*street))
    only_second = evidence.select(np.array([1]))
    assert order_of(LocalFeatures(), ids[1:], only_second) == order_of(LocalFeatures(), ids, evidence)[1:]


def test_progress_is_told(street):
    step, told = LocalFeatures(), []
    step.progress = lambda done, total: told.append((done, total))
    order_of(step, [[0, 1], [1, 0]], evidence_of_photos(*street))
    assert told == [(1, 2), (2, 2)]


def test_photos_and_a_reader_are_needed(street):
    evidence = evidence_of_photos(*street)
    before = Predictions(np.array([[0, 1]]), np.zeros((1, 2), np.float32), 6)
    for field in ("read", "database_photo", "query_photo"):
        lacking = Evidence(**{**vars(evidence), field: None})
        with pytest.raises(InputError, match="LocalFeatures needs the photos"):
            apply(LocalFeatures(), before, lacking)


def test_the_extra_is_named_where_opencv_is_missing(monkeypatch, street):
    real = builtins.__import__

    def without(name, *rest):
        if name == "cv2":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"geoloc\[match\]"):
        order_of(LocalFeatures(), [[0]], evidence_of_photos(*street))


@pytest.mark.parametrize(
    "wrong", [{"depth": -1}, {"features": 0}, {"size": 8}, {"ratio": 0.0}, {"ratio": 1.2}, {"threshold": 0.0}]
)
def test_wrong_arguments_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LocalFeatures(**wrong)
