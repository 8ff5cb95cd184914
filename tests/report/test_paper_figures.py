"""Figures for papers: what is drawn is what was given, and what is written is what was asked for."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from PIL import Image

from geoloc.earth import earth_centred
from geoloc.errors import InputError
from geoloc.evaluate.recall import score
from geoloc.report.history import read_history
from geoloc.report.paper.chosen import by_name, choose, kinds_of
from geoloc.report.paper.curves import curve_of, recall_at_n, recall_by_distance
from geoloc.report.paper.maps import MOST, areas_of, bar_length, draw_map
from geoloc.report.paper.ranked import Ranked, read_ranked
from geoloc.report.paper.strips import Strip, strips
from geoloc.report.paper.style import COLOURS, QUERY, RIGHT, WRONG, look, new_figure, save
from geoloc.report.paper.tables import latex, markdown
from geoloc.report.paper.training import training


def ranked(correct, distances=None, database=None, queries=None):
    """Predictions with this truth."""
    correct = np.array(correct, bool)
    q, k = correct.shape
    return Ranked(
        np.array(queries or [f"q{row}.jpg" for row in range(q)]),
        np.array(database) if database else np.array([[f"d{row}_{rank}.jpg" for rank in range(k)] for row in range(q)]),
        np.zeros((q, k)) if distances is None else np.array(distances, float)[:, None] + np.arange(k) * 0.01,
        np.full((q, k), 7.0),
        correct,
    )


# First right at rank 1, 3, never, 2.
FOUR = [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 1, 1]]


def lines_of(axes):
    """Label -> (x, y) of the lines that have a name."""
    return {
        line.get_label(): (np.array(line.get_xdata()), np.array(line.get_ydata()))
        for line in axes.get_lines()
        if not str(line.get_label()).startswith("_")
    }


def test_recall_at_n_draws_the_recalls_and_their_intervals():
    found, before = ranked(FOUR), ranked([[0, 1, 0], [0, 0, 1], [0, 0, 0], [0, 1, 1]])
    figure = recall_at_n({"day": curve_of(found, before), "night": curve_of(before)}, [1, 3], width=3.4)
    (axes,) = figure.axes
    lines = lines_of(axes)
    assert lines["day"][0].tolist() == [1, 2, 3]
    assert lines["day"][1].tolist() == [25, 50, 75]
    assert lines["night"][1].tolist() == [0, 50, 75]
    dotted = [line for line in axes.get_lines() if line.get_linestyle() == ":" and len(line.get_xdata())]
    assert [np.array(line.get_ydata()).tolist() for line in dotted] == [[0, 50, 75]]
    assert to_hex(dotted[0].get_color()) == COLOURS[0].lower()
    band = axes.collections[0].get_paths()[0].vertices
    # Wilson by hand: 1 of 4 at z = 1.959964.
    z = 1.959964
    middle, half = (0.25 + z**2 / 8) / (1 + z**2 / 4), z / (1 + z**2 / 4) * np.sqrt(0.25 * 0.75 / 4 + z**2 / 64)
    at_one = band[band[:, 0] == 1][:, 1]
    assert [at_one.min(), at_one.max()] == pytest.approx([100 * (middle - half), 100 * (middle + half)], abs=1e-3)
    low, high = axes.get_ylim()
    assert low == 0
    assert high >= band[:, 1].max()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["day", "night", "before post-processing"]
    assert axes.get_title() == ""


def test_one_line_has_no_legend_and_one_prediction_is_drawn():
    figure = recall_at_n({"day": curve_of(ranked([[1], [0]]))}, [1, 5], width=3.4)
    assert figure.legends == []
    assert lines_of(figure.axes[0])["day"][1].tolist() == [50]
    assert [int(tick) for tick in figure.axes[0].get_xticks()] == [1]


def test_many_predictions_have_a_logarithmic_axis():
    figure = recall_at_n({"day": curve_of(ranked(np.eye(2, 100)))}, [1, 5], width=3.4)
    assert figure.axes[0].get_xscale() == "log"
    assert figure.axes[0].get_xticks().tolist() == [1, 5, 100]


def test_recall_by_distance():
    figure = recall_by_distance({"a": {5.0: 10.0, 25.0: 42.0, 1.0: 0.0}}, width=3.4, radius=25.0)
    (axes,) = figure.axes
    (x, y) = lines_of(axes)["a"]
    assert (x.tolist(), y.tolist()) == ([1, 5, 25], [0, 10, 42])
    assert [line.get_xdata() for line in axes.get_lines() if len(set(line.get_xdata())) == 1] == [[25.0, 25.0]]
    few = recall_by_distance({"a": {1.0: 0.0, 100.0: 20.0}}, width=3.4).axes[0]
    assert all(tick == int(tick) for tick in few.get_yticks())  # and not 2.5, 5, 7.5
    without = recall_by_distance({"a": {1.0: 0.0, 5.0: 10.0}}, width=3.4, radius=None)
    assert len(without.axes[0].get_lines()) == 1


METRICS = """epoch,step,train/loss,train/active,val/Rome/R1,val/Rome/R5,val/R1_mean
0,6,0.5,0.9,,,
1,12,0.25,0.8,40,50,40
2,18,0.125,0.7,44,60,44
"""


def test_training_draws_loss_and_recalls_by_epoch(tmp_path):
    (tmp_path / "metrics.csv").write_text(METRICS)
    history = read_history(tmp_path / "metrics.csv")
    assert history == {
        "train/loss": [(1, 0.5), (2, 0.25), (3, 0.125)],
        "val/Rome/R1": [(2, 40.0), (3, 44.0)],
        "val/Rome/R5": [(2, 50.0), (3, 60.0)],
    }
    loss, recall = training(history, width=3.4).axes
    assert loss.get_lines()[0].get_ydata() == pytest.approx([0.5, 0.25, 0.125])
    assert {label: (x.tolist(), y.tolist()) for label, (x, y) in lines_of(recall).items()} == {
        "R@1": ([2, 3], [40, 44]),
        "R@5": ([2, 3], [50, 60]),
    }
    assert recall.get_ylim() == (40, 60)  # whole tens, and no percent below 0 where all are 0
    for always, limits in ((0.0, (0, 10)), (100.0, (90, 100))):
        assert training({"val/a/R1": [(1, always), (2, always)]}, width=3.4).axes[0].get_ylim() == limits
    diverged = training({"train/loss": [(1, 0.5), (2, math.inf), (3, math.nan)]}, width=3.4).axes[0]
    assert diverged.get_ylim() == pytest.approx((0, 0.54))
    two = training({"val/a/R1": [(1, 1.0), (2, 2.0)], "val/b/R1": [(1, 3.0), (2, 4.0)]}, width=3.4)
    assert list(lines_of(two.axes[0])) == ["a R@1", "b R@1"]
    assert read_history(tmp_path / "none.csv") == {}


@pytest.mark.parametrize(("values", "top"), [((0.5, np.inf, np.nan), 0.54), ((np.nan, np.nan), 1)])
def test_a_loss_that_is_not_finite_spoils_no_figure(tmp_path, values, top):
    figure = training({"train/loss": list(enumerate(values, 1))}, width=3.4)
    assert figure.axes[0].get_ylim() == pytest.approx((0, top))
    save(figure, tmp_path, "training", ["png"], 100)


@pytest.fixture
def photos(tmp_path):
    """Three plain photos, 4:3."""
    paths = []
    for name, colour in (("grey", (90, 90, 90)), ("pale", (200, 200, 200)), ("dark", (30, 30, 30))):
        paths.append(tmp_path / f"{name}.png")
        Image.new("RGB", (80, 60), colour).save(paths[-1])
    return paths


def rgb(colour):
    return tuple(round(255 * part) for part in to_rgb(colour))


def share_of(pixels, colour):
    return float((np.abs(pixels.astype(int) - rgb(colour)).max(axis=-1) <= 12).mean())


def test_frames_are_green_where_right_and_dashed_red_where_wrong(photos, tmp_path):
    rows = [Strip(photos[0], photos[1:], [True, False], ["3.0 m", "41 m"], "before: ✗ 9 m")]
    figure = strips(rows, width=4.0, dpi=100)
    save(figure, tmp_path, "strips", ["png"], 100)
    picture = np.asarray(Image.open(tmp_path / "strips.png").convert("RGB"))
    assert picture.shape[1] == 400
    colours = []
    for axes, inside in zip(figure.axes, (90, 200, 30), strict=True):
        box = axes.get_position()
        left, right = round(box.x0 * 400), round(box.x1 * 400)
        top, bottom = (round((1 - y) * len(picture)) for y in (box.y1, box.y0))
        assert picture[(top + bottom) // 2, (left + right) // 2].tolist() == [inside] * 3
        colours.append({c: share_of(picture[top - 1 : top + 2, left:right], c) for c in (QUERY, RIGHT, WRONG)})
    whole, green, dashed = colours
    assert whole[QUERY] > 0.3 > whole[RIGHT] + whole[WRONG]
    assert green[RIGHT] > 0.3 > green[QUERY] + green[WRONG]
    assert 0.1 < dashed[WRONG] < 0.8 * green[RIGHT]  # gaps between the dashes
    assert dashed[QUERY] + dashed[RIGHT] == 0
    assert [axes.get_xlabel() for axes in figure.axes] == ["before: ✗ 9 m", "✓ 3.0 m", "✗ 41 m"]
    assert [axes.get_title() for axes in figure.axes] == ["query", "1", "2"]
    with pytest.raises(InputError, match="no such image"):
        strips([Strip(photos[0], [tmp_path / "gone.jpg"], [True], ["1 m"])], width=4.0, dpi=100)


@pytest.mark.parametrize("width", [3.0, 3.4, 7.0])
def test_words_below_photos_are_no_wider_than_these(photos, width):
    far, note = ["1,234 frames", "7.3 m"], "was ✗ 5.8 km"
    figure = strips([Strip(photos[0], photos[1:3] * 3, [False] * 6, far * 3, note)], width, 150)
    renderer = FigureCanvasAgg(figure).get_renderer()
    for axes in figure.axes:
        words = axes.xaxis.label.get_window_extent(renderer)
        assert 0 < words.width <= axes.get_window_extent(renderer).width
    assert (figure.axes[1].xaxis.label.get_fontsize() == 7.0) is (width == 7.0)


def test_upright_photos_get_upright_tiles(tmp_path):
    Image.new("RGB", (60, 80)).save(tmp_path / "a.png")
    figure = strips([Strip(tmp_path / "a.png", [tmp_path / "a.png"], [True], [""])], width=4.0, dpi=50)
    box = figure.axes[0].get_position()
    wide, high = figure.get_size_inches()
    assert (box.width * wide) / (box.height * high) == pytest.approx(0.75)


def lead(axes):
    """Segments of the lines from wrong predictions to the truth."""
    (found,) = [each for each in axes.collections if hasattr(each, "get_segments")]
    return [segment.tolist() for segment in found.get_segments()]


def test_a_map_leads_from_wrong_predictions_to_the_truth():
    database = np.array([[0.0, 0.0], [300.0, 0.0], [0.0, 100.0]])
    queries = np.array([[1.0, 1.0], [299.0, 2.0], [5.0, 98.0]])
    first, right = np.array([0, 2, 2]), np.array([True, False, True])
    areas = areas_of(database, queries)
    figure = draw_map(database, queries, first, right, areas, width=3.4)
    (axes,) = figure.axes
    assert lead(axes) == [[[0.0, 100.0], [299.0, 2.0]]]
    drawn = {label: np.stack(points, axis=1).tolist() for label, points in lines_of(axes).items()}
    assert drawn == {
        "database": database.tolist(),
        "query, right": [[1.0, 1.0], [5.0, 98.0]],
        "query, wrong": [[299.0, 2.0]],
    }
    (bar,) = [line for line in axes.get_lines() if line.get_label() == "_scale"]
    assert np.ptp(bar.get_xdata()) == 100.0
    assert axes.texts[0].get_text() == "100 m"
    # A metre is as long upward as it is along.
    (left, right_), (low, high) = axes.get_xlim(), axes.get_ylim()
    assert (high - low) / (right_ - left) == pytest.approx(axes.get_box_aspect())
    assert left < 0
    assert right_ > 300
    assert low < 0
    assert high > 100
    assert axes.get_title(loc="right") == "N ↑"
    local = draw_map(database, queries, first, right, areas, width=3.4, north=False)
    assert local.axes[0].get_title(loc="right") == ""


def test_a_name_with_dollars_is_a_name(tmp_path):
    xy = np.array([[0.0, 0.0], [10.0, 0.0]])
    areas = areas_of(xy, xy[:1], np.array(["R$_{$x"] * 3))
    figure = draw_map(xy, xy[:1], np.array([0]), np.array([True]), areas, 3.4)
    save(figure, tmp_path, "map", ["pdf"], 60)
    assert figure.axes[0].get_title(loc="left") == "R$_{$x"


def test_photos_far_apart_get_panels_of_their_own():
    database = np.array([[0.0, 0.0], [200.0, 0.0], [50_000.0, 0.0], [90_000.0, 0.0]])
    queries = np.array([[10.0, 0.0], [50_010.0, 0.0], [50_020.0, 0.0]])
    areas = areas_of(database, queries, np.array(["york", "york", "hull", "leeds", "york", "hull", "hull"]))
    assert [(a.name, a.database.tolist(), a.queries.tolist()) for a in areas] == [
        ("hull", [2], [1, 2]),
        ("york", [0, 1], [0]),
    ]
    figure = draw_map(database, queries, np.array([1, 2, 0]), np.array([False, True, False]), areas, width=7.0)
    hull, york = figure.axes
    assert (hull.get_title(loc="left"), york.get_title(loc="left")) == ("hull", "york")
    assert lead(hull) == []  # its wrong prediction lies in the other area
    assert lead(york) == [[[200.0, 0.0], [10.0, 0.0]]]


def test_gaps_grow_until_the_areas_are_few():
    row = np.stack([np.arange(30) * 1500.0, np.zeros(30)], axis=1)
    assert len(areas_of(row, row + 1)) == 1
    far = row * 100
    assert len(areas_of(far, far + 1)) == 30 > MOST  # no gap may be wider than an area of the earth


def test_a_map_of_several_zones_is_seen_from_above():
    degrees = np.array([[45.0, 11.999], [45.0, 12.001], [45.001, 12.0]])
    places = earth_centred(degrees)
    figure = draw_map(places, places, np.array([0, 0, 2]), np.array([True, False, True]), areas_of(places, places), 3.4)
    (((start, end),)) = lead(figure.axes[0])
    # 0.002 degrees of longitude at 45 degrees: 2 * 78.85 m eastward.
    assert np.array(end) - np.array(start) == pytest.approx([157.7, 0.0], abs=0.1)


def test_bars_are_round_and_short():
    for span in (3.0, 9.9, 77.0, 1234.0, 98_765.0):
        bar = bar_length(span)
        assert span / 10 < bar <= span / 3
        assert str(bar)[0] in "125"


def test_who_is_shown():
    found = ranked(
        [[1, 0], [1, 0], [0, 1], [0, 0], [1, 0], [0, 1]],
        distances=[0.2, 0.9, 0.8, 0.3, 0.5, 0.4],
        database=[["a", "b"], ["c", "d"], ["e", "f"], ["g", "h"], ["i", "j"], ["k", "l"]],
    )
    before = ranked([[1, 0], [1, 0], [0, 1], [0, 0], [0, 1], [1, 0]])
    kinds = kinds_of(found, before)
    assert kinds.tolist() == ["right", "right", "wrong", "wrong", "helped", "hurt"]
    # The surest mistake (row 3), the hardest find (row 1), and one of each that flipped; then in the order of kinds.
    assert choose(found, kinds, 4) == [1, 4, 5, 3]
    assert choose(found, kinds, 1) == [3]
    assert choose(found, kinds, 99) == [1, 0, 4, 5, 3, 2]
    assert kinds_of(found).tolist() == ["right", "right", "wrong", "wrong", "right", "wrong"]
    alike = ranked([[0], [0], [0]], distances=[0.1, 0.2, 0.3], database=[["a"], ["a"], ["b"]])
    assert choose(alike, kinds_of(alike), 3) == [0, 2]  # row 1 would show the same again


def test_queries_by_name():
    names = {"day": np.array(["x/1.jpg", "x/10.jpg"]), "night": np.array(["n/7.jpg"])}
    assert by_name(["x/10", "7.jpg"], names) == {"day": [1], "night": [0]}
    assert by_name(["x/1.jpg", "x/1.jpg"], names) == {"day": [0], "night": []}
    with pytest.raises(InputError) as error:
        by_name(["x/1", "zebra"], names)
    assert list(error.value.problems) == [
        "figures.queries: x/1 fits 2 queries of day; type more of the path",
        "figures.queries: no query of day, night is called, or has in its path, zebra",
    ]


def test_files_have_the_size_and_the_letters_asked_for(tmp_path):
    figure = recall_by_distance({"a": {1.0: 0.0, 5.0: 10.0}}, width=3.4)
    height = figure.get_size_inches()[1]
    png, pdf = save(figure, tmp_path / "figures", "curve", ["png", "pdf"], 300)
    with Image.open(png) as picture:
        picture.load()
        assert picture.format == "PNG"
        assert picture.size == (1020, int(height * 300))
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", content)
    assert [float(side) / 72 for side in box.groups()] == pytest.approx([3.4, height], abs=0.01)
    assert b"/FontFile2" in content  # TrueType
    assert b"/Type3" not in content
    first = [path.read_bytes() for path in (png, pdf)]
    save(
        recall_by_distance({"a": {1.0: 0.0, 5.0: 10.0}}, width=3.4), tmp_path / "figures", "curve", ["png", "pdf"], 300
    )
    assert [path.read_bytes() for path in (png, pdf)] == first


def test_lines_differ_in_grey_too():
    looks = [look(number) for number in range(21)]
    assert len({(each["marker"], str(each["linestyle"])) for each in looks}) == 21
    assert new_figure(2.0, 1.0).get_size_inches().tolist() == [2.0, 1.0]


HEAD = "query,rank,database,distance,meters,correct,condition\n"


def test_predictions_are_read_without_photos(tmp_path):
    path = tmp_path / "day.csv"
    path.write_text(HEAD + "q,1,a,0.5,3.00,1,day\nq,2,b,0.6,40.00,0,day\nr,1,b,0.1,9000.00,0,\nr,2,a,0.2,2.00,1,\n")
    found = read_ranked(path)
    assert found.queries.tolist() == ["q", "r"]
    assert found.database.tolist() == [["a", "b"], ["b", "a"]]
    assert found.meters.tolist() == [[3, 40], [9000, 2]]
    assert found.distances.tolist() == [[0.5, 0.6], [0.1, 0.2]]
    assert found.correct.tolist() == [[True, False], [False, True]]
    assert found.right_at().tolist() == [1, 2]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("query,rank\n", "has no columns query, rank"),
        (HEAD, "is empty"),
        (HEAD + "q,1,a,0,0,1,\nq,2,b,0,0,1,\nr,1,a,0,0,1,\n", "query r has not the 2 predictions of the first one"),
        (HEAD + "q,2,a,0,0,1,\n", "query q has not the 1 predictions of the first one"),
        (HEAD + "q,1,a,x,0,1,\n", "a distance is no number"),
    ],
)
def test_other_files_are_refused(tmp_path, content, said):
    (tmp_path / "day.csv").write_text(content)
    with pytest.raises(InputError, match=said):
        read_ranked(tmp_path / "day.csv")


def facts(right, queries, **more):
    scores = score(right, queries, queries, [1, 5], 40, 25.0)
    return {
        "recalls": {str(n): recall for n, recall in scores.recalls.items()},
        "ci95": {str(n): list(ends) for n, ends in scores.ci95.items()},
        "queries": queries,
        "database": 40,
        "radius_m": 25.0,
    } | more


def test_tables():
    change = {"before": 20.0, "after": 25.0, "difference": 5.0, "ci95": [-1.0, 11.0], "helped": 6.0, "hurt": 1.0}
    day = facts(
        [5, 10],
        20,
        raw_recalls={"1": 20.0, "5": 50.0},
        slices={"night": facts([1, 4], 4)},
        changes={"1": change | {"p": 0.2, "queries": 20}},
    )
    domains = {"my_city": day, "b": facts([0, 2], 2)}
    # Wilson intervals at 95 %, worked out from the formula elsewhere: 5, 10, 4 of 20; 1, 4 of 4; 0, 2 of 2.
    text = markdown(domains)
    assert "| domain | queries | database | R@1 | R@5 |" in text
    assert "| my_city | 20 | 40 | 25.0 [11.2, 46.9] | 50.0 [29.9, 70.1] |" in text
    assert "| - before post-processing |  |  | 20.0 [8.1, 41.6] | 50.0 [29.9, 70.1] |" in text
    assert "| - night | 4 |  | 25.0 [4.6, 69.9] | 100.0 [51.0, 100.0] |" in text
    assert "| b | 2 | 40 | 0.0 [0.0, 65.8] | 100.0 [34.2, 100.0] |" in text
    assert "- my_city: right within 25 m" in text
    assert "| my_city | 1 | 20.0 | 25.0 | +5.0 [-1.0, +11.0] | 6.0 | 1.0 | 0.2000 |" in text
    tex = latex(domains)
    rows = [line for line in tex.splitlines() if line.endswith(r"\\")]
    assert rows[1] == (r"my\_city & 20 & 40 & 25.0 & {\scriptsize [11.2, 46.9]} & 50.0 & {\scriptsize [29.9, 70.1]} \\")
    assert rows[3].startswith(r"\quad night & 4 &  & 25.0 & ")
    # As many cells in each row as columns are declared.
    assert {line.count("&") for line in rows[1:]} == {6}
    assert [tex.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\end{tabular}")] == [1] * 4
