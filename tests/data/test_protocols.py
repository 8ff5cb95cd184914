from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mini import name_of, write_image, write_side

from geoloc.data.domains import Domain, folder
from geoloc.data.protocols import Protocol, grouped, listed, members
from geoloc.errors import InputError
from geoloc.lit.datamodule import train_truth
from geoloc.places import PlaceSet


def places(names, **columns):
    xy = np.stack([500_000 + 10.0 * np.arange(len(names)), np.full(len(names), 4e6)], axis=1)
    return PlaceSet(Path("set"), np.array(names), xy, **{key: np.array(column) for key, column in columns.items()})


def test_metres_of_a_protocol():
    assert Protocol().radius_m(25) == 25
    assert Protocol(radius=10).radius_m(25) == 10
    # Nordland: 25 m hold ten frames of 25 / 10.5 m and not eleven.
    assert Protocol(frames=10, metres_per_frame=25 / 10.5).radius_m(99) == pytest.approx(25)
    assert Protocol(frames=0, metres_per_frame=2.0).radius_m(99) == 1.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"frames": 1}, "frames and metres_per_frame: give both or none"),
        ({"frames": 1, "metres_per_frame": 2.0, "radius": 5.0}, "radius and frames: give one of them"),
        ({"radius": 0.0}, "radius: must be above 0, not 0"),
        ({"frames": -1, "metres_per_frame": 2.0}, "frames: must be 0 or more, not -1"),
        ({"frames": 1, "metres_per_frame": 0.0}, "metres_per_frame: must be above 0"),
    ],
)
def test_values_that_do_not_go_together(values, message):
    with pytest.raises(ValueError, match=message):
        Protocol(**values)


def test_frames_are_counted_along_the_line(tmp_path):
    """Positions 2 m a frame: within 3 frames of frame 10 are frames 7 to 13."""
    write_side(tmp_path / "images/test/database", [500_000 + 2 * frame for frame in range(20)])
    write_side(tmp_path / "images/test/queries", [500_020])
    domain = folder(tmp_path, protocol=Protocol(frames=3, metres_per_frame=2.0))
    assert domain.positives(domain.radius_m(25)).of(0).tolist() == [7, 8, 9, 10, 11, 12, 13]


def test_three_ways_to_say_a_group():
    some = places(["oslo/a.jpg", "cph/b/c.jpg"], notes=["day_forward_x", "night_y"], groups=["p", "q"])
    assert grouped(some, "folder").tolist() == ["oslo", "cph"]
    assert grouped(some, "note").tolist() == ["x", "y"]
    assert grouped(some, "column").tolist() == ["p", "q"]
    assert grouped(some, "none").tolist() == ["", ""]
    with pytest.raises(InputError, match=r"set: groups=folder, and 1 images have no group \(b\.jpg, \.\.\.\)"):
        grouped(places(["oslo/a.jpg", "b.jpg"]), "folder")


def test_positives_lie_in_the_own_group():
    """All within 25 m of each other; only those of the own sequence count."""
    database = places(["one/a.jpg", "two/a.jpg", "one/b.jpg"])
    queries = places(["two/q.jpg", "one/q.jpg"])
    assert Domain("d", database, queries).positives(25).of(0).tolist() == [0, 1, 2]
    domain = Domain("d", database, queries, Protocol(groups="folder"))
    near = domain.positives(25)
    assert [near.of(query).tolist() for query in range(2)] == [[1], [0, 2]]
    assert {group: rows.tolist() for group, rows in domain.groups().items()} == {"one": [0, 2], "two": [1]}
    with pytest.raises(InputError, match=r"d: groups=folder, and the queries of three have no database images"):
        Domain("d", database, places(["three/q.jpg"]), Protocol(groups="folder"))


def test_a_list_names_the_queries(tmp_path):
    write_side(tmp_path / "images/test/database", [500_000])
    for east in (500_000, 500_001, 500_002):
        write_image(tmp_path / "images/test/queries" / name_of(east), 0)
    chosen = tmp_path / "official.txt"
    chosen.write_text(f"{name_of(500_002)}\n\n{name_of(500_000)}\n", encoding="utf-8-sig")
    domain = folder(tmp_path, protocol=Protocol(query_list=str(chosen)))
    assert domain.queries.names.tolist() == [name_of(500_000), name_of(500_002)]
    chosen.write_text("gone.jpg\n")
    with pytest.raises(InputError, match=r"official\.txt: 1 of its names are not in .*queries \(gone\.jpg, \.\.\.\)"):
        listed(domain.queries, chosen)
    chosen.write_text("\n")
    with pytest.raises(InputError, match=r"official\.txt: is empty; it must hold one path a line"):
        listed(domain.queries, chosen)
    with pytest.raises(InputError, match=r"query_list .*nowhere\.txt: cannot be read \(No such file"):
        listed(domain.queries, tmp_path / "nowhere.txt")


def test_negatives_lie_outside_of_the_radius_whatever_their_group():
    """Two walks through one street: the photos of the other walk are searched for nobody, and show the same place."""
    database, queries = places(["one/a.jpg", "two/a.jpg", "one/b.jpg"]), places(["one/q.jpg"])
    domain = Domain("d", database, queries, Protocol(groups="folder"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("geoloc.lit.datamodule.same_photo", lambda _, positives: np.zeros(len(positives.rows), bool))
        truth = train_truth(domain, 20, 25)
    assert truth.positives.of(0).tolist() == [0, 2]
    assert truth.close.of(0).tolist() == [0, 1, 2]


def test_members_are_those_of_groups_and_panoramas():
    def marked(groups=(), panos=(), protocol=None):
        two = replace(places(["a.jpg", "b.jpg", "c.jpg"]), groups=np.array(groups), panos=np.array(panos))
        return members(two, two, protocol)

    by_column, by_pano = Protocol(groups="column"), Protocol(panoramas=True)
    some = marked(["x", "y", "x"], ["p", "p", ""], by_column)
    assert some == marked(["u", "v", "u"], ["p", "", ""], by_column)  # names do not matter, nor do panoramas here
    assert some != marked(["x", "x", "y"], ["p", "p", ""], by_column)
    assert marked(["x", "y", "x"], ["p", "p", ""], by_pano) != marked(["x", "y", "x"], ["p", "", "p"], by_pano)
    assert marked(["x", "y", "x"], ["p", "p", ""], Protocol()) == ""
