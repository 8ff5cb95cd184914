import numpy as np
import pytest
from mini import name_of, write_image
from PIL import Image

from geoloc.data.conditions import brightness, by_brightness, measure, of_note
from geoloc.data.demo_city import render_demo_city
from geoloc.data.readers import read_places
from geoloc.errors import InputError


@pytest.mark.parametrize(
    ("note", "condition"),
    [
        ("night", "night"),
        ("night_sideways_cph", "night"),
        ("Rain", "rain"),
        ("sideways_night", ""),
        ("night-rain", ""),
        ("day 3 of the trip", ""),
        ("query", ""),
    ],
)
def test_the_first_word_of_a_note_says_it_or_nothing_does(note, condition):
    assert of_note(note) == condition


def test_conditions_of_names(tmp_path):
    for number, note in enumerate(("day_forward_a", "", "my_photo", "Night")):
        write_image(tmp_path / name_of(500_000 + number, note=note), 0)
    assert read_places(tmp_path).conditions.tolist() == ["day", "", "", "night"]


def test_the_column_comes_before_the_note_and_the_note_helps_out(tmp_path):
    for number in range(5):
        write_image(tmp_path / "queries" / f"{number}.jpg", 0)
    cells = ("Tunnel,night", ",night_sideways", "unknown,day", ",holiday", " ,")
    rows = [f"{number}.jpg,{500_000 + number},4000000,{both}" for number, both in enumerate(cells)]
    (tmp_path / "queries.csv").write_text("\n".join(["path,east,north,condition,note", *rows]) + "\n")
    places = read_places(tmp_path / "queries")
    assert places.conditions.tolist() == ["tunnel", "night", "day", "", ""]
    assert places.select(np.array([2, 0])).conditions.tolist() == ["day", "tunnel"]


def test_a_cell_that_cannot_name_a_slice_is_refused(tmp_path):
    write_image(tmp_path / "queries" / "a.jpg", 0)
    (tmp_path / "queries.csv").write_text("path,east,north,condition\na.jpg,500000,4000000,day/night\n")
    with pytest.raises(InputError, match=r"queries\.csv: the row a\.jpg: the condition 'day/night' must be one word"):
        read_places(tmp_path / "queries")


def test_brightness_by_hand(tmp_path):
    """Rows 0 and 1 of 6 count; luma of (100, 200, 50) is 29.9 + 117.4 + 5.7 = 153."""
    pixels = np.zeros((6, 5, 3), np.uint8)
    pixels[0] = (100, 200, 50)
    pixels[1] = 47
    pixels[2:] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(pixels[:1]).save(tmp_path / "b.png")  # one row only: it is the upper third
    told = []
    values = measure([tmp_path / "a.png", tmp_path / "b.png"], lambda *count: told.append(count))
    assert values.tolist() == [100, 153]
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize(("grey", "condition"), [(0, "night"), (84, "night"), (85, "day"), (255, "day")])
def test_uniform_photos(tmp_path, grey, condition):
    Image.new("RGB", (9, 7), (grey, grey, grey)).save(tmp_path / "a.png")
    assert brightness(tmp_path / "a.png") == grey
    assert by_brightness(np.array([grey])).tolist() == [condition]


def share_right(folders):
    """Percent of the photos of each condition that are measured to be so; photos without a note are by day."""
    said, measured = [], []
    for folder in folders:
        places = read_places(folder)
        said += [condition or "day" for condition in places.conditions]
        values = measure([places.path(row) for row in range(len(places))], lambda done, total: None)
        measured += by_brightness(values).tolist()
    right = np.array(said) == np.array(measured)
    return {name: 100 * right[np.array(said) == name].mean() for name in set(said)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "percent"),
    [
        ("amos-day-night", {"day": 100, "night": 97.6}),
        ("penn-campus-gps", {"day": 95.1}),
        ("gardens-point-thumbs", {"day": 74.0}),
    ],
)
def test_the_rule_on_real_photos(shared_data, name, percent):
    test = shared_data / name / "images" / "test"
    assert share_right([test / "database", test / "queries"]) == pytest.approx(percent, abs=0.7)


@pytest.mark.slow
def test_the_rule_on_the_demo_city(tmp_path):
    render_demo_city(tmp_path)
    folders = [folder for folder in (tmp_path / "images").glob("*/*") if folder.is_dir()]
    assert share_right(folders) == pytest.approx({"day": 98.4, "night": 90.6}, abs=1)
