"""The fit of confidences: recovers known odds, is judged by place, and says what it cannot do."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import yaml
from scipy.stats import beta

from geoloc.errors import InputError
from geoloc.locate.calibration import Calibration, fit
from geoloc.locate.folds import folds
from geoloc.locate.signals import SIGNALS
from geoloc.locate.usable import other_voters, usable

PROTOCOL = {"views": {"name": "hard_resize"}, "index": {"_target_": "geoloc.index.exact.Exact"}, "postprocess": {}}


def data(queries=1200, seed=0):
    """Signals whose first one alone says how likely a query is right, at places along a road."""
    rng = np.random.default_rng(seed)
    signals = rng.normal(size=(queries, len(SIGNALS))) * [0.1, 3, 1] + [0.5, -2, 0]
    chance = 1 / (1 + np.exp(-(signals[:, 0] - 0.5) / 0.1 * 1.5 - 0.4))
    right = rng.random(queries) < chance
    errors = np.where(right, rng.uniform(0, 20, queries), rng.uniform(100, 5000, queries))
    places = np.stack([np.arange(queries) * 10.0, np.zeros(queries)], axis=1)
    return signals, errors, places, chance


@pytest.fixture(scope="module")
def fitted():
    signals, errors, places, _ = data()
    return fit(signals, errors, 25.0, {"model": "abc", "protocol": PROTOCOL}, places)


def test_it_finds_the_odds_that_made_the_data(fitted):
    signals, _, _, chance = data(seed=1)
    assert np.abs(fitted.confidence(signals) - chance).mean() < 0.03
    assert fitted.weights[0] == pytest.approx(1.5, abs=0.25)
    assert np.abs(fitted.weights[1:]).max() < 0.2
    assert fitted.fitted_on["ece"] < 0.06


def test_the_fit_is_the_minimum_of_the_penalised_loss(fitted):
    """The slope of sum log(1 + exp(-margin)) + |w|^2 / 2, worked out anew, is 0 there."""
    signals, errors, _, _ = data()
    x = (signals - signals.mean(axis=0)) / signals.std(axis=0)
    missing = (errors <= 25) - 1 / (1 + np.exp(-(x @ fitted.weights + fitted.offset)))
    assert x.T @ missing == pytest.approx(fitted.weights, abs=0.05)
    assert missing.sum() == pytest.approx(0, abs=0.05)


def test_the_same_data_give_the_same_calibration_in_any_order(fitted):
    signals, errors, places, _ = data()
    again = fit(signals, errors, 25.0, {"model": "abc", "protocol": PROTOCOL}, places)
    assert again.facts() == fitted.facts()
    order = np.random.default_rng(0).permutation(len(errors))
    shuffled = fit(signals[order], errors[order], 25.0, {}, places[order])
    assert shuffled.weights == pytest.approx(fitted.weights, abs=1e-3)
    assert shuffled.fitted_on["aurc"] == pytest.approx(fitted.fitted_on["aurc"], abs=1e-3)


@pytest.mark.parametrize(
    "through", [lambda facts: json.loads(json.dumps(facts)), lambda f: yaml.safe_load(yaml.safe_dump(f))]
)
def test_it_comes_back_from_a_file(fitted, through):
    back, (signals, *_) = Calibration.of(through(fitted.facts())), data(seed=2)
    assert back.confidence(signals).tolist() == fitted.confidence(signals).tolist()
    assert back.threshold(0.9) == fitted.threshold(0.9)
    assert back.fitted_on == fitted.fitted_on


def test_expected_errors_never_rise_with_confidence_and_are_medians_of_like_queries(fitted):
    told = fitted.expected_error(np.linspace(0, 1, 101))
    assert (np.diff(told) <= 0).all()
    signals, errors, _, _ = data(6000, seed=3)
    confidence = fitted.confidence(signals)
    sure, unsure = confidence > 0.9, confidence < 0.2
    assert fitted.expected_error(confidence[sure]).mean() == pytest.approx(np.median(errors[sure]), rel=0.35)
    assert fitted.expected_error(confidence[unsure]).mean() == pytest.approx(np.median(errors[unsure]), rel=0.35)
    assert 0.4 < (errors < fitted.expected_error(confidence)).mean() < 0.6


def test_a_threshold_is_the_lowest_that_the_bound_allows(fitted):
    table = np.array([[0.9, 20, 0], [0.8, 30, 1], [0.6, 40, 6], [0.5, 50, 7]])
    made = replace(fitted, table=table)
    bounds = [beta.ppf(0.2, n - w, w + 1) for _, n, w in table]  # Clopper and Pearson, one side, 80 %
    assert bounds[0] == pytest.approx(0.2 ** (1 / 20))  # all right: p^20 = 0.2
    assert made.threshold(0.9) == 0.8
    assert bounds[1] > 0.9 > bounds[2]
    assert made.threshold(bounds[3] - 1e-6) == 0.5
    assert made.threshold(0.93) is None
    assert max(bounds) < 0.93


def test_a_threshold_keeps_its_promise_on_data_like_those_of_the_fit(fitted):
    signals, errors, _, _ = data(6000, seed=4)
    confidence = fitted.confidence(signals)
    for precision in (0.7, 0.8, 0.9):
        threshold = fitted.threshold(precision)
        assert threshold is not None
        assert (errors[confidence >= threshold] <= 25).mean() >= precision - 0.01


def test_no_place_is_on_both_sides():
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 2000, (400, 2))
    seen = []
    for held, others in folds(places, 25.0):
        apart = np.linalg.norm(places[held][:, None] - places[others], axis=2)
        assert apart.min() > 25
        seen += held.tolist()
    assert sorted(seen) == list(range(400))


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [(40, 3, "40 of the labelled queries are located within 25 m and 3 are not"), (9, 40, "at least 10 of each")],
)
def test_too_few_of_a_kind(right, wrong, said):
    errors = np.concatenate([np.zeros(right), np.full(wrong, 99.0)])
    with pytest.raises(InputError, match=said):
        fit(np.zeros((len(errors), len(SIGNALS))), errors, 25.0, {})


def test_too_few_places():
    errors = np.tile([0.0, 99.0], 20)
    places = np.zeros((40, 2)) + np.arange(40)[:, None] % 3 * 1000
    with pytest.raises(InputError, match="lie in 3 places of 100 m"):
        fit(np.zeros((40, len(SIGNALS))), errors, 25.0, {}, places)


def test_signals_that_say_nothing_give_the_share_of_right_ones():
    errors = np.tile([0.0, 0.0, 0.0, 99.0], 50)
    made = fit(np.ones((200, len(SIGNALS))), errors, 25.0, {})
    assert made.confidence(np.ones((1, len(SIGNALS)))) == pytest.approx([0.75], abs=1e-3)
    assert made.threshold(0.9) is None


def test_of_other_weights_or_another_version_it_is_not_used(fitted):
    assert usable(None, "abc", PROTOCOL) == (None, [])
    none, (said,) = usable(fitted.facts(), "xyz", PROTOCOL)
    assert none is None
    assert "other weights" in said
    for broken in ({**fitted.facts(), "signals": ["one"]}, {**fitted.facts(), "weights": [1.0]}, {}):
        none, (said,) = usable(broken, "abc", PROTOCOL)
        assert none is None
        assert said.endswith("it is not used")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scales", [0.0, 1.0, 1.0]),
        ("means", [np.nan, 0.0, 0.0]),
        ("offset", np.inf),
        ("errors", []),
        ("table", []),
        ("fitted_on", {"model": "abc"}),
        ("radius_m", -1.0),
        ("ece", "small"),
        ("protocol", "mine"),
    ],
)
def test_a_damaged_one_is_not_used(fitted, key, value):
    facts = fitted.facts()
    (facts if key in facts else facts["fitted_on"])[key] = value
    none, (said,) = usable(facts, "abc", PROTOCOL)
    assert none is None
    assert "is damaged" in said
    assert said.endswith("it is not used")


@pytest.mark.parametrize("facts", [5, "calibration", [1.0, 2.0]])
def test_what_is_no_table_is_no_calibration(facts):
    none, (said,) = usable(facts, "abc", PROTOCOL)
    assert none is None
    assert "is no table of values" in said


def test_other_numbers_of_voters_are_told(fitted):
    about = fitted.fitted_on | {"protocol": PROTOCOL | {"voters": 20}}
    made = replace(fitted, fitted_on=about)
    assert other_voters(made, 20) == ""
    assert "vote: 1 here, 20 where the calibration was fitted" in other_voters(made, 1)


def test_under_another_protocol_it_is_used_with_a_warning(fitted):
    assert usable(fitted.facts(), "abc", PROTOCOL)[1] == []
    assert usable(fitted.facts(), "abc", {})[1] == []
    other = {**PROTOCOL, "views": {"name": "five_crops"}, "postprocess": {"geo_dbscan": {"eps": 25.0}}}
    found, (said,) = usable(fitted.facts(), "abc", other)
    assert found is not None
    assert "views hard_resize there, five_crops here; postprocess none there, geo_dbscan here" in said
    assert "WRONG" in said


def test_the_highest_precision_that_labelled_queries_bear_out(fitted):
    """20 of 20 right: 0.2 ** (1 / 20) = 0.9227 at a level of 80 %; half of 40 are far less."""
    of = replace(fitted, table=np.array([[0.9, 20, 0], [0.5, 40, 20]]))
    assert of.highest_precision() == 0.92
    assert of.threshold(0.92) == 0.9
    assert of.threshold(0.93) is None
