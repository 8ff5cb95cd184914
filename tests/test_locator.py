"""The locator: the vote of candidates as answers, confidences, and photos that are not to find themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mini import write_image, write_side
from networks import spec_of
from PIL import Image

from geoloc.errors import InputError
from geoloc.locate.calibration import Calibration
from geoloc.locate.signals import SIGNALS, signals
from geoloc.locate.vote import vote
from geoloc.locator import Locator, dropped
from geoloc.net import DescriptorNet
from geoloc.place_index.index import Index
from geoloc.predictions import Predictions

PLACES = 6


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return DescriptorNet.from_spec(spec_of(aggregator="gem", size=(64, 64)), load=False).eval()


@pytest.fixture(scope="module")
def index(net, tmp_path_factory):
    folder = tmp_path_factory.mktemp("database") / "photos"
    write_side(folder, [500_000.0 + 100 * place + shift for place in range(PLACES) for shift in (0, 6)], noise=1)
    return Index.build(net, folder, workers=0)


@pytest.fixture(scope="module")
def queries(tmp_path_factory):
    folder = tmp_path_factory.mktemp("queries")
    return [write_image(folder / f"{place}.jpg", seed=5000 + place, noise=200 + place) for place in range(PLACES)]


def calibration_of(support: float, table):
    """Confidence = expit(support's weight x support), by hand; expected error 50 m at 0.5 and 5 m at 1."""
    weights = np.array([support, *[0.0] * (len(SIGNALS) - 1)])
    nothing, ones = np.zeros(len(SIGNALS)), np.ones(len(SIGNALS))
    facts = {"radius_m": 25.0, "domains": ["here"], "queries": 100, "right": 60, "ece": 0.02}
    errors = np.array([[0.5, 50.0], [1.0, 5.0]])
    return Calibration(SIGNALS, nothing, ones, weights, 0.0, errors, np.array(table, np.float64), facts)


def test_an_answer_is_the_vote_of_what_was_found(net, index, queries):
    answers = Locator(net, index, k=5).locate(queries)
    found = index.search(queries, 5, net)
    votes = vote(index.xy[found.rows], found.distances, 25.0)
    np.testing.assert_array_equal(answers.predictions.ids, found.rows)
    np.testing.assert_allclose(answers.xy, votes.xy)
    np.testing.assert_allclose(answers.utm, votes.xy)
    np.testing.assert_allclose(answers.support, votes.support)
    assert set(answers.zones) == {"17 north"}
    assert answers.names == [str(path) for path in queries]
    off = np.abs(answers.utm[:, 0] - (500_000 + 100 * np.arange(PLACES)))
    assert (off <= 6).all()
    assert not answers.calibrated
    assert answers.known.all()
    assert np.isnan(answers.confidence).all()


def test_a_calibration_says_how_sure_an_answer_is(net, index, queries):
    calibration = calibration_of(2.0, [[0.9, 50, 0], [0.6, 90, 9]])
    locator = Locator(net, index, calibration, precision=0.8)
    answers = locator.locate(queries)
    positions = index.xy[answers.predictions.ids]
    told = signals(vote(positions, answers.predictions.distances, 25.0), positions, answers.predictions.distances, 25.0)
    by_hand = 1 / (1 + np.exp(-2.0 * told[:, 0]))
    np.testing.assert_allclose(answers.confidence, by_hand)
    np.testing.assert_allclose(
        answers.expected_error, 50 * 0.1 ** (2 * by_hand - 1)
    )  # a straight line of its logarithm
    assert answers.threshold == 0.6  # 81 of 90 right: 0.8 is reached, also by the bound
    np.testing.assert_array_equal(answers.known, by_hand >= 0.6)
    assert answers.known.any()


def test_where_no_confidence_is_high_enough_nothing_is_known(net, index, queries):
    answers = Locator(net, index, calibration_of(2.0, [[0.9, 50, 25], [0.6, 90, 45]]), precision=0.99).locate(queries)
    assert answers.threshold is None
    assert answers.calibrated
    assert not answers.known.any()
    assert np.isfinite(answers.xy).all()  # the best guess


def test_photos_may_be_pictures_and_arrays(net, index, queries):
    answers = Locator(net, index).locate([Image.open(queries[2]), np.asarray(Image.open(queries[3]))])
    assert answers.names == ["photo 1", "photo 2"]
    whole = Locator(net, index).locate(queries[2:4])
    np.testing.assert_allclose(answers.xy, whole.xy)


def test_steps_see_photos_that_have_no_file(net, index, queries):
    """As those that people drop on the demo page."""
    seen = []

    class Looks:
        needs, depth = ("photos",), None

        def __call__(self, candidates, distances, evidence):
            seen.extend(evidence.read(evidence.query_photo(row)) for row in range(len(candidates)))
            seen.append(evidence.read(evidence.database_photo(int(candidates[0, 0]))))
            return np.tile(np.arange(candidates.shape[1]), (len(candidates), 1))

    picture = np.asarray(Image.open(queries[0]).convert("RGB"))
    locator = Locator(net, index, k=5)
    locator.steps = [Looks()]
    locator.locate([picture, queries[0], Image.open(queries[0])])
    assert [each.shape for each in seen] == [picture.shape] * 4
    for each in seen[:3]:
        np.testing.assert_array_equal(each, picture)


def test_a_photo_need_not_find_itself(net, index):
    paths = [index.paths[row] for row in (0, 5)]
    itself = Locator(net, index, k=3).locate(paths)
    assert itself.predictions.ids[:, 0].tolist() == [0, 5]
    others = Locator(net, index, k=3).locate(paths, without=[0, 5])
    assert others.predictions.ids.shape == (2, 3)
    assert 0 not in others.predictions.ids[0]
    assert 5 not in others.predictions.ids[1]
    assert others.predictions.ids[:, 0].tolist() == [1, 4]  # the other photo of the place


def test_dropped_keeps_the_number_of_candidates():
    found = Predictions(np.array([[4, 2, 7], [1, 3, 5]]), np.array([[0.1, 0.2, 0.3]] * 2, np.float32), 8)
    left = dropped(found, np.array([2, 6]))
    assert left.ids.tolist() == [[4, 7], [1, 3]]
    np.testing.assert_allclose(left.distances, [[0.1, 0.3], [0.1, 0.2]])


def test_a_photo_that_cannot_be_read_is_named(net, index, queries, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff broken")
    with pytest.raises(InputError, match=r"broken\.jpg"):
        Locator(net, index).locate([queries[0], broken])
    vectors, reasons = Locator(net, index).describe([queries[0], broken, queries[1]])
    assert list(reasons) == [1]
    assert np.isnan(vectors[1]).all()
    assert np.isfinite(vectors[[0, 2]]).all()


def test_another_network_is_refused(index):
    torch.manual_seed(7)
    other = DescriptorNet.from_spec(spec_of(aggregator="gem", size=(64, 64)), load=False)
    with pytest.raises(InputError, match="another network"):
        Locator(other, index)
