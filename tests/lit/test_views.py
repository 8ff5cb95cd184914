"""Views in a whole test: what is described, what is found, and what they never reach."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mini import write_image, write_mini_city
from tiny import miner, tiny_data, tiny_module, tiny_net, tiny_trainer

from geoloc.data.batches import by_shape
from geoloc.data.images import read_image, resize, to_tensor
from geoloc.index.exact import Exact
from geoloc.lit.evaluation import Evaluation
from geoloc.lit.initialise import initialise
from geoloc.views.central_crop import CentralCrop
from geoloc.views.five_crops import FiveCrops
from geoloc.views.hard_resize import HardResize
from geoloc.views.maj_voting import MajVoting
from geoloc.views.nearest_crop import NearestCrop
from geoloc.views.single_query import SingleQuery
from geoloc.views.view import FiveSquares

VIEWS = [HardResize(), SingleQuery(), CentralCrop(), FiveCrops(), NearestCrop(), MajVoting(weight=0.1)]
NAMES = [type(view).__name__ for view in VIEWS]
SHAPES = [(96, 128), (128, 96), (100, 75)]  # landscape, portrait and a little upright


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """The mini city with test queries of three shapes."""
    root = write_mini_city(tmp_path_factory.mktemp("shapes") / "mini")
    for number, path in enumerate(sorted(root.glob("images/test/queries/*.jpg"))):
        write_image(path, seed=5400 + number, size=SHAPES[number % 3], noise=100 + number)
    return root


def judged(city, folder, view, batch_size=4, k=5, **options):
    """The result of a test with a view, and the descriptors that it left."""
    data = tiny_data(city, view=view, infer_batch_size=batch_size, **options)
    evaluation = Evaluation(Exact(), [1, 5], 25.0, k, folder / "descriptors")
    module = tiny_module(tiny_net(), folder, keep_descriptors=True, evaluation=evaluation)
    tiny_trainer(folder, []).test(module, datamodule=data, verbose=False)
    return module.results["mini"], np.load(folder / "descriptors" / "mini.npy")


def one_by_one(city, view):
    """(N, D) descriptors of the database and (Q, V, D) of the queries, each image described alone."""
    net = tiny_net()
    (domain,) = tiny_data(city).domains["test"]
    photos = [to_tensor(read_image(path)) for path in domain.paths()]
    size = len(domain.database)
    database = torch.cat([net.describe(resize(photo, (64, 64))[None]) for photo in photos[:size]])
    queries = [torch.cat([net.describe(crop[None]) for crop in view.crops(photo, (64, 64))]) for photo in photos[size:]]
    return database.numpy(), torch.stack(queries).numpy()


@pytest.mark.parametrize("view", VIEWS, ids=NAMES)
def test_rows_and_predictions_equal_a_slow_evaluation(city, tmp_path, view):
    result, left = judged(city, tmp_path, view)
    database, queries = one_by_one(city, view)
    assert left == pytest.approx(np.concatenate([database, queries.reshape(-1, 32)]), abs=1e-5)
    assert len(left) == 12 + 6 * view.count
    for query, ids, measured in zip(queries, result.predictions.ids, result.predictions.distances, strict=True):
        if isinstance(view, FiveCrops):
            query = query.mean(axis=0)[None]
            query = query / np.linalg.norm(query)
        distances = np.linalg.norm(database[None] - query[:, None], axis=2)  # (V, N)
        found = distances.argsort(axis=1).argsort(axis=1) < 5  # what each crop finds
        nearest = np.where(found, distances, np.inf).min(axis=0)
        assert measured == pytest.approx(nearest[ids], abs=1e-5)
        if not isinstance(view, MajVoting):
            assert ids.tolist() == np.argsort(distances.min(axis=0), kind="stable")[:5].tolist()


@pytest.mark.parametrize("view", VIEWS, ids=NAMES)
def test_shapes_go_with_any_batch_size_and_number_of_workers(city, tmp_path, view):
    """Field fault A11."""
    one, left = judged(city, tmp_path / "1", view, batch_size=1)
    for size, workers in ((4, 0), (7, 2)):
        other, same = judged(city, tmp_path / f"{size}", view, batch_size=size, num_workers=workers)
        assert same == pytest.approx(left, abs=1e-6)
        assert np.array_equal(other.predictions.ids, one.predictions.ids)
        assert other.predictions.distances == pytest.approx(one.predictions.distances, abs=1e-6)
        assert other.scores == one.scores


@pytest.mark.parametrize("view", VIEWS, ids=NAMES)
def test_the_database_is_resized_as_in_training(city, view):
    data = tiny_data(city, view=view)
    (domain,) = data.domains["test"]
    (loader,) = data.test_dataloader()
    seen = {
        int(row): image for groups in loader for images, rows in groups for image, row in zip(images, rows, strict=True)
    }
    assert sorted(seen) == list(range(12 + 6 * view.count))
    plain = data.photos(domain).dataset
    assert all(torch.equal(seen[row], plain[row][0]) for row in range(12))


@pytest.mark.parametrize("view", VIEWS[3:], ids=NAMES[3:])
def test_more_candidates_than_images(city, tmp_path, view):
    """Field fault C3; a fixed number of candidates was a fault of the benchmark's crops too."""
    result, _ = judged(city, tmp_path, view, k=50)
    assert np.sort(result.predictions.ids, axis=1).tolist() == [list(range(12))] * 6


def test_maj_voting_brings_what_crops_agree_on_to_the_front(city, tmp_path):
    plain, left = judged(city, tmp_path / "nearest", NearestCrop(), k=12)
    voted, _ = judged(city, tmp_path / "maj", MajVoting(weight=50.0, passes=[1]), k=12)
    first = [
        [int(np.linalg.norm(left[:12] - crop, axis=1).argmin()) for crop in query]
        for query in left[12:].reshape(6, 5, -1)
    ]
    assert any(max(map(votes.count, votes)) > 1 for votes in first)
    for votes, ids in zip(first, voted.predictions.ids[:, 0].tolist(), strict=True):
        assert votes.count(ids) == max(map(votes.count, votes))
    assert np.sort(plain.predictions.ids).tolist() == np.sort(voted.predictions.ids).tolist()


def test_views_never_reach_training_or_validation(city, tmp_path):
    seen = []
    for view in (None, FiveCrops()):
        data = tiny_data(city, view=view)
        net = tiny_net()
        initialise(net, data, data.train_domain, torch.device("cpu"), seed=0)
        mining = miner(tmp_path)
        module = tiny_module(net, tmp_path)
        trainer = tiny_trainer(tmp_path, [mining], 1)
        trainer.fit(module, datamodule=data)
        recalls = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")}
        seen.append((recalls, {name: value.tolist() for name, value in net.state_dict().items()}))
    assert set(seen[0][0]) == {"val/mini/R1", "val/mini/R5", "val/R1_mean"}
    assert seen[0] == seen[1]


def test_groups_hold_one_shape_and_no_more_than_asked_for():
    crops = [torch.full((n, 3, h, w), row, dtype=torch.uint8) for row, n, h, w in ((0, 1, 4, 6), (1, 5, 4, 4))]
    items = [(image, torch.arange(len(image)) + 10 * number) for number, image in enumerate([*crops, crops[0]])]
    groups = by_shape(items, 3)
    assert [(tuple(images.shape), rows.tolist()) for images, rows in groups] == [
        ((2, 3, 4, 6), [0, 20]),
        ((3, 3, 4, 4), [10, 11, 12]),
        ((2, 3, 4, 4), [13, 14]),
    ]
    assert [images[:, 0, 0, 0].tolist() for images, _ in groups] == [[0, 0], [1, 1, 1], [1, 1]]


def test_crops_of_which_nothing_becomes_are_refused(city, tmp_path):
    with pytest.raises(ValueError, match="FiveSquares shows 5 crops, but has neither `pool` nor `merge`"):
        judged(city, tmp_path, FiveSquares())


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 3, 5], ids=["single_query", "five_crops", "maj_voting"])
def test_two_processes_find_what_one_finds(city, tmp_path, number):
    """Field fault C8: 18 photos and 6 queries of three shapes, shared out."""
    alone, left = judged(city, tmp_path / "alone", VIEWS[number])
    here = Path(__file__).resolve().parent
    paths = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(here / "two_processes_view.py"), str(city), str(tmp_path), NAMES[number]]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for rank in (0, 1):
        content = json.loads((tmp_path / f"rank{rank}.json").read_text())
        assert content["ids"] == alone.predictions.ids.tolist()
        assert np.array(content["distances"]) == pytest.approx(alone.predictions.distances, abs=1e-6)
        assert content["recalls"] == {str(n): value for n, value in alone.scores.recalls.items()}
    assert np.load(tmp_path / "descriptors" / "mini.npy") == pytest.approx(left, abs=1e-6)
