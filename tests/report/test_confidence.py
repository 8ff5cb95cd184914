"""What the page says of located queries: charts against numbers worked out by hand, and its words."""

from __future__ import annotations

import numpy as np
import pytest

from geoloc.errors import InputError
from geoloc.evaluate.recall import wilson
from geoloc.report.answers_file import COLUMNS, read_answers
from geoloc.report.confidence import HEAD, charts_of, rows_of, too_sure, words_of
from geoloc.report.confidence_charts import BOTTOM, LEFT, RIGHT, TOP, confidence_charts

FACTS = {
    "queries": 100,
    "radius_m": 25.0,
    "voters": 20,
    "within": 60.0,
    "median_error_m": 9.5,
    "mean_confidence": 0.62,
    "ece": 0.05,
    "brier": 0.2,
    "aurc": 0.21,
    "aurc_floor": 0.1,
    "r100p": 12.0,
    "answer_precision": 0.9,
    "highest_precision": 0.86,
    "threshold": 0.8,
    "answered": 30.0,
    "right_of_answered": 93.3,
    "nearer_than_expected": 48.0,
    "fitted_here": False,
}
ABOUT = {"radius_m": 25.0, "queries": 120, "right": 80, "domains": ["val"], "ece": 0.1, "brier": 0.2, "aurc": 0.2}
CALIBRATION = {"fitted_on": {**ABOUT, "aurc_floor": 0.06, "r100p": 0.22}}


def x(share):
    return round(LEFT + (RIGHT - LEFT) * float(share), 1)


def y(share):
    return round(BOTTOM - (BOTTOM - TOP) * float(share), 1)


def test_charts_by_hand():
    confidence, right = np.array([0.15, 0.95, 0.85, 0.85]), np.array([False, True, True, False])
    charts = confidence_charts({"a": (confidence, right)}, {"a": 0.85})
    first, middle, last = charts.diagrams[0].bins
    assert (first.x, first.y, first.queries) == (x(0.15), y(0), 1)
    assert (middle.x, middle.y, middle.queries, middle.right) == (x(0.85), y(0.5), 2, 0.5)
    assert [middle.low, middle.high] == [y(end / 100) for end in wilson(1, 2)]
    assert (last.x, last.y) == (x(0.95), y(1))
    assert middle.radius == pytest.approx(8 * 0.5**0.5, abs=0.05)
    # Risks 0 of 1, 1 of 3, 2 of 4: the axis ends at 50 %.
    (risk,) = charts.risks
    assert [percent for _, percent in charts.percents] == [0, 10, 20, 30, 40, 50]
    assert risk.line == f"{x(0.25)},{y(0)} {x(0.75)},{y(100 / 3 / 50)} {x(1)},{y(1)}"
    assert risk.chosen == (x(0.75), y(100 / 3 / 50))
    assert risk.words == "75.0 % answered, 33.3 % of these wrong"


@pytest.mark.parametrize("threshold", [None, 0.99])
def test_a_threshold_that_nobody_reaches_has_no_point(threshold):
    charts = confidence_charts({"a": (np.array([0.5, 0.6]), np.array([True, True]))}, {"a": threshold})
    assert charts.risks[0].chosen is None


def test_long_curves_are_thinned_to_their_ends():
    confidence = np.linspace(0, 1, 5000)
    charts = confidence_charts({"a": (confidence, confidence > 0.5)}, {"a": None})
    points = charts.risks[0].line.split()
    assert len(points) == 200
    assert points[-1].startswith(f"{x(1)},")


def test_rows_and_what_is_not_known():
    rows = rows_of({"a": {"localization": FACTS}, "old": {}, "plain": {"localization": {**PLAIN}}})
    assert list(rows) == ["a", "plain"]
    assert all(len(cells) == len(HEAD) for cells in rows.values())
    assert rows["a"] == ["60.0", "9.5 m", "62.0", "48.0", "0.050", "0.200", "0.210 (0.100)", "12.0", "30.0", "93.3"]
    assert rows["plain"] == ["60.0", "9.5 m", *[""] * 8]


PLAIN = {key: FACTS[key] for key in ("queries", "radius_m", "voters", "within", "median_error_m")}


@pytest.mark.parametrize(
    ("mean", "within", "said"),
    [
        (0.62, 60.0, "about as sure as it is right (mean confidence 62 %, and 60 % are located)"),
        (0.81, 60.0, "TOO SURE (mean confidence 81 %, and 60 % are located)"),
        (0.79, 60.0, "about as sure"),  # 0.1, and two standard errors of 0.049, are left to it
        (0.35, 60.0, "not sure enough"),
    ],
)
def test_verdicts(mean, within, said):
    own = FACTS | {"mean_confidence": mean, "within": within}
    words = words_of(CALIBRATION, {"city": {"localization": own}})
    assert len(words) == 3
    assert said in words[1]
    assert too_sure(own) == ("TOO SURE" in said)


def test_words_of_the_threshold():
    def last(**changed):
        return words_of(CALIBRATION, {"city": {"localization": FACTS | changed}})[-1]

    assert "right at 90 % (answer_precision) are given from a confidence of 0.800 on" in last()
    unreached = last(threshold=None, right_of_answered=None, answered=0.0)
    assert 'always "I don\'t know"' in unreached
    assert "vouch for more than 86 %" in unreached
    assert "answer_precision=0.86 or less gives answers" in unreached
    assert "fit itself" in words_of(CALIBRATION, {"city": {"localization": FACTS | {"fitted_here": True}}})[1]
    assert "no calibration" in words_of({}, {"city": {"localization": PLAIN}})[0]


def test_files_without_confidences_and_other_files(tmp_path):
    folder = tmp_path / "predictions"
    folder.mkdir()
    assert read_answers(folder / "a.answers.csv") is None
    lines = [",".join(COLUMNS), "q.jpg,1,2,,,,,0.5,1.0,30.5,0", "r.jpg,1,2,,,0.75,8.0,0.5,1.0,3.25,1"]
    (folder / "a.answers.csv").write_text("\n".join(lines) + "\n")
    found = read_answers(folder / "a.answers.csv")
    assert np.isnan(found.confidence[0])
    assert (found.confidence[1], found.meters.tolist(), found.right.tolist()) == (0.75, [30.5, 3.25], [False, True])
    assert charts_of(tmp_path, {"a": {"localization": PLAIN}, "b": {}}) is None
    (folder / "a.answers.csv").write_text("query,rank\n")
    with pytest.raises(InputError, match="must have the columns confidence, meters and right"):
        read_answers(folder / "a.answers.csv")
