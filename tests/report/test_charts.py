import random

import pytest

from geoloc.report.charts import APART, BELOW, BOTTOM, DOT, LEFT, RIGHT, TOP, radius_chart


def test_points_of_a_radius_chart_by_hand():
    """The plot spans x 48..612 and y 24..256; one decade is half of it, and 50 % half way up."""
    assert (LEFT, RIGHT, TOP, BOTTOM) == (48, 612, 24, 256)
    chart = radius_chart({"day": {100: 100.0, 1: 0.0, 10: 50.0}, "night": {1: 0.0, 25: 75.0}})
    day, night = chart.series
    assert (day.name, day.style, night.name, night.style) == ("day", "s0 d0", "night", "s1 d0")
    assert [(point.radius, point.recall, point.x, point.y) for point in day.points] == [
        (1, 0.0, 48.0, 256.0),
        (10, 50.0, 330.0, 140.0),
        (100, 100.0, 612.0, 24.0),
    ]
    assert day.line == "48.0,256.0 330.0,140.0 612.0,24.0"
    assert night.line == "48.0,256.0 442.2,82.0"  # 48 + 282 lg 25 = 442.22; 256 - 232 x 0.75
    assert chart.radii == ((48.0, 1), (330.0, 10), (442.2, 25), (612.0, 100))
    assert chart.percents == ((256.0, 0), (209.6, 20), (163.2, 40), (116.8, 60), (70.4, 80), (24.0, 100))
    # Both dots at 1 m are in one place, and a label below would leave the plot.
    assert [point.label_y for point in day.points] == [248.0, 132.0, 16.0]
    assert [point.label_y for point in night.points] == [None, 74.0]


@pytest.mark.parametrize(
    ("most", "highest"), [(0.0, 5), (5.0, 5), (5.1, 10), (24.0, 25), (26.0, 50), (50.5, 100), (100.0, 100)]
)
def test_the_upper_edge_fits_the_highest_recall(most, highest):
    chart = radius_chart({"day": {1: 0.0, 10: most}})
    assert [percent for _, percent in chart.percents] == [highest * fifth // 5 for fifth in range(6)]
    assert chart.series[0].points[1].y == pytest.approx(256 - 232 * most / highest, abs=0.05)


def test_one_radius_is_no_line_but_a_dot():
    (series,) = radius_chart({"day": {25: 50.0}}).series
    assert series.line == "48.0,24.0"


def test_two_close_curves_are_labelled_on_both_sides():
    chart = radius_chart({"low": {1: 0.0, 10: 48.0}, "high": {1: 100.0, 10: 52.0}})
    low, high = (series.points[1] for series in chart.series)
    assert (low.label_y, high.label_y) == (round(low.y + BELOW, 1), round(high.y - 8, 1))


def test_labels_touch_neither_each_other_nor_another_dot():
    rng = random.Random(0)
    for _ in range(200):
        names = [str(number) for number in range(rng.randint(1, 8))]
        chart = radius_chart({name: {radius: rng.uniform(0, 100) for radius in (1, 5, 25)} for name in names})
        for column in range(3):
            points = [series.points[column] for series in chart.series]
            labelled = [point for point in points if point.label_y is not None]
            assert min(points, key=lambda point: point.y) in labelled  # the best always has one
            for one in labelled:
                assert one.label_y <= BOTTOM
                for other in points:
                    if other is not one:
                        assert not one.label_y - APART - DOT < other.y < one.label_y + DOT
                        assert other.label_y is None or abs(one.label_y - other.label_y) >= APART - 0.05


def test_more_lines_than_colours_are_dashed():
    chart = radius_chart({str(number): {1: 1.0, 2: 2.0} for number in range(8)})
    assert [series.style for series in chart.series][4:] == ["s4 d0", "s5 d0", "s0 d1", "s1 d1"]
