import math

from geoloc.report.training_chart import round_step, training_charts


def test_loss_and_recalls_by_hand():
    """The plot spans x 48..612 and y 24..256. The loss ends at 1.5, recalls at 60."""
    loss, recalls = training_charts(
        {"train/loss": [(1, 1.5), (2, 1.0), (3, 0.5)], "val/a/R1": [(1, 0.0), (3, 60.0)], "val/b/R5": [(2, 30.0)]}
    )
    assert loss.what == "training loss"
    (course,) = loss.courses
    assert course.lines == ("48.0,24.0 330.0,101.3 612.0,178.7",)  # 232 / 3 = 77.33 a half
    assert course.dots[1] == (330.0, 101.3, 2, 1.0)
    assert loss.epochs == ((48.0, 1), (330.0, 2), (612.0, 3))
    assert loss.values == ((256.0, "0"), (178.7, "0.5"), (101.3, "1"), (24.0, "1.5"))
    assert [course.name for course in recalls.courses] == ["a R@1", "b R@5"]
    assert recalls.courses[0].lines == ("48.0,256.0 612.0,24.0",)
    assert (recalls.courses[1].lines, recalls.courses[1].dots) == ((), ((330.0, 140.0, 2, 30.0),))
    assert [label for _, label in recalls.values] == ["0", "20", "40", "60"]


def test_a_line_ends_where_a_value_is_not_finite():
    (chart,) = training_charts({"train/loss": [(1, 2.0), (2, 1.0), (3, math.nan), (4, 1.5), (5, math.inf)]})
    (course,) = chart.courses
    assert course.lines == ("48.0,24.0 189.0,140.0",)
    assert [dot[2:] for dot in course.dots] == [(1, 2.0), (2, 1.0), (4, 1.5)]
    assert course.lost == 2
    (nothing,) = training_charts({"train/loss": [(1, math.nan), (2, math.nan)]})
    assert (nothing.courses[0].lines, nothing.courses[0].dots, nothing.courses[0].lost) == ((), (), 2)
    assert [label for _, label in nothing.values] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]


def test_one_epoch_is_a_dot_and_many_have_few_ticks():
    (chart,) = training_charts({"train/loss": [(4, 0.0)]})
    assert (chart.courses[0].dots, chart.epochs) == (((48.0, 256.0, 4, 0.0),), ((48.0, 4),))
    (chart,) = training_charts({"train/loss": [(epoch, 1.0) for epoch in range(1, 1001)]})
    assert [epoch for _, epoch in chart.epochs] == [1, 201, 401, 601, 801]
    assert training_charts({}) == []


def test_steps_are_round():
    for least, step in ((0.0011, 0.002), (0.02, 0.02), (0.3, 0.5), (5.1, 10), (199.0, 200)):
        assert math.isclose(round_step(least), step)
