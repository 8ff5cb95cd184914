"""The demo city: what is written, where pictures are taken, and that rendering is repeatable and careful."""

import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import utm
from PIL import Image

from geoloc.data.demo_city import VERSION, render, render_demo_city
from geoloc.data.demo_city.caster import GROUND, SKY, Camera, cast
from geoloc.data.demo_city.names import file_name
from geoloc.data.demo_city.plan import CityPlan, SplitPlan, default_plan, find_site, plan_shots
from geoloc.data.demo_city.world import Boxes

TINY = CityPlan(
    (
        SplitPlan("train", streets=1, places=1, queries=1, night=False),
        SplitPlan("val", streets=1, places=2, queries=1, night=True),
        SplitPlan("test", streets=2, places=2, queries=2, night=True),
    ),
    rows=48,
    columns=64,
)
ONE_STREET = CityPlan((SplitPlan("train", streets=1, places=1, queries=2, night=False),), rows=48, columns=64)


class Named(NamedTuple):
    """What a file name tells."""

    east: float
    north: float
    zone: str
    letter: str
    latitude: float
    longitude: float
    pano: str
    tile: int
    heading: int
    timestamp: str
    note: str


def parse(name: str) -> Named:
    assert name.startswith("@")
    assert name.endswith("@.jpg")
    fields = name[1 : -len("@.jpg")].split("@")
    assert len(fields) == 14
    assert [len(fields[0]), len(fields[1])] == [10, 10]
    assert fields[9:12] == ["", "", ""]
    east, north, latitude, longitude = float(fields[0]), float(fields[1]), float(fields[4]), float(fields[5])
    tile, heading = int(fields[7]), int(fields[8])
    return Named(east, north, *fields[2:4], latitude, longitude, fields[6], tile, heading, *fields[12:14])


def render_tiny(root: Path, plan: CityPlan = ONE_STREET, seed: int = 0, workers: int = 1) -> Path:
    return render.render_plan(root, plan, seed=seed, scale=1, workers=workers)


def pictures(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.jpg")}


def names_in(root: Path, split: str, kind: str) -> list[Named]:
    return [parse(path.name) for path in sorted((root / "images" / split / kind).iterdir())]


def degrees_apart(first: float, second: float) -> float:
    return abs((first - second + 180) % 360 - 180)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_tiny(tmp_path_factory.mktemp("demo") / "city", TINY)


class TestFiles:
    def test_layout_and_counts(self, city: Path) -> None:
        counts = {
            f"{split.name}/{kind}": len(names_in(city, split.name, kind))
            for split in TINY.splits
            for kind in ("database", "queries", "queries_night")
            if (city / "images" / split.name / kind).is_dir()
        }
        assert counts == {
            "train/database": 4,
            "train/queries": 1,
            "val/database": 8,
            "val/queries": 1,
            "val/queries_night": 1,
            "test/database": 16,
            "test/queries": 4,
            "test/queries_night": 4,
        }
        state = json.loads((city / "demo_city.json").read_text())
        assert state == {"version": VERSION, "seed": 0, "scale": 1, "images": 39, "status": "complete"}
        assert sorted(path.name for path in city.iterdir()) == ["demo_city.json", "images"]

    def test_names_hold_consistent_positions(self, city: Path) -> None:
        for path in city.rglob("*.jpg"):
            named = parse(path.name)
            assert 166_000 < named.east < 834_000
            assert (named.zone, named.letter) == ("32", "T")
            east, north, _, _ = utm.from_latlon(named.latitude, named.longitude, force_zone_number=32)
            assert math.hypot(east - named.east, north - named.north) < 2.0
            assert 0 <= named.heading < 360
            is_night = path.parent.name == "queries_night"
            assert named.note == ("night" if is_night else "day")
            assert (int(named.timestamp[9:11]) >= 22) == is_night

    def test_pictures_have_the_planned_size(self, city: Path) -> None:
        sizes = {Image.open(path).size for path in city.rglob("*.jpg")}
        assert sizes == {(TINY.columns, TINY.rows)}

    def test_pano_and_tile_identify_a_picture(self, city: Path) -> None:
        for folder in (city / "images").glob("*/*"):
            names = [parse(path.name) for path in folder.iterdir()]
            assert len({(named.pano, named.tile) for named in names}) == len(names)

    def test_night_twins_share_id_and_position_and_are_darker(self, city: Path) -> None:
        day, night = names_in(city, "test", "queries"), names_in(city, "test", "queries_night")
        assert [named[:9] for named in day] == [named[:9] for named in night]

        def brightness(kind: str) -> float:
            return float(np.mean([np.asarray(Image.open(p)) for p in (city / "images" / "test" / kind).iterdir()]))

        assert brightness("queries_night") < 0.5 * brightness("queries")


class TestPlan:
    def test_default_sizes(self) -> None:
        # 9 x (11 x 4 + 33) to train, 6 x (12 x 4 + 2 x 20) to validate, 9 x (12 x 4 + 2 x 28) to test
        assert default_plan(1).images == 693 + 528 + 936
        assert default_plan(100).images == 100 * default_plan(1).images

    def test_splits_and_streets_are_far_apart(self) -> None:
        plan = default_plan(10)
        sites = [
            find_site(plan, 0, split, street) for split in range(3) for street in range(plan.splits[split].streets)
        ]
        middles = np.array([(site.east, site.north) for site in sites])
        distance = np.hypot(*(middles[:, None] - middles[None]).transpose(2, 0, 1))
        np.fill_diagonal(distance, np.inf)
        assert distance.min() > 500 + 2 * max(site.half_length for site in sites)

    def test_recorded_positions_are_about_a_metre_off(self) -> None:
        plan = default_plan(1)
        site = find_site(plan, 0, 2, 0)
        errors = []
        for shot in plan_shots(plan, 0, site):
            east, north = site.to_utm(shot.x, shot.y)
            errors.append(math.hypot(shot.recorded_east - east, shot.recorded_north - north))
        assert 0.6 < np.sqrt(np.mean(np.square(errors))) < 1.5
        assert max(errors) < 5

    @pytest.mark.parametrize("split", [0, 1, 2])
    def test_every_query_has_a_database_picture_of_the_same_side(self, split: int) -> None:
        plan = default_plan(1)
        for street in range(plan.splits[split].streets):
            named = [
                (shot.kind, parse(file_name(shot))) for shot in plan_shots(plan, 0, find_site(plan, 0, split, street))
            ]
            database = [name for kind, name in named if kind == "database"]
            for kind, query in named:
                assert kind == "database" or any(
                    math.hypot(query.east - other.east, query.north - other.north) < 25
                    and degrees_apart(query.heading, other.heading) < 45
                    for other in database
                )

    def test_places_do_not_depend_on_the_scale(self) -> None:
        assert find_site(default_plan(1), 0, 2, 3) == find_site(default_plan(5), 0, 2, 3)


class TestRepeatability:
    def test_same_seed_same_bytes_for_any_number_of_workers(self, city: Path, tmp_path: Path) -> None:
        assert pictures(render_tiny(tmp_path / "again", TINY, workers=2)) == pictures(city)

    def test_other_seed_differs(self, tmp_path: Path) -> None:
        first, second = (pictures(render_tiny(tmp_path / str(seed), seed=seed)) for seed in (0, 1))
        assert not set(first.values()) & set(second.values())

    def test_finished_city_is_left_alone(self, city: Path) -> None:
        before = {path: path.stat().st_mtime_ns for path in city.rglob("*")}
        render_tiny(city, TINY)
        assert {path: path.stat().st_mtime_ns for path in city.rglob("*")} == before


class TestExistingFolders:
    def test_a_users_folder_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "photo.jpg").write_bytes(b"photo")
        with pytest.raises(ValueError, match="mine holds files that are not a demo city"):
            render_demo_city(tmp_path / "mine")
        assert [path.name for path in (tmp_path / "mine").iterdir()] == ["photo.jpg"]

    def test_interrupted_rendering_resumes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        expected = pictures(render_tiny(tmp_path / "whole"))
        taken = 0

        def take_two(*arguments: object) -> object:
            nonlocal taken
            taken += 1
            if taken == 3:
                raise KeyboardInterrupt
            return original(*arguments)

        original = render.take_shot
        monkeypatch.setattr(render, "take_shot", take_two)
        with pytest.raises(KeyboardInterrupt):
            render_tiny(tmp_path / "part")
        monkeypatch.undo()
        first = {path: path.stat().st_mtime_ns for path in (tmp_path / "part").rglob("*.jpg")}
        cut_off = next(iter(first)).with_name("@half@.jpg.1.part")
        cut_off.touch()
        assert len(first) == 2
        assert not (tmp_path / "part" / "demo_city.json").exists()
        render_tiny(tmp_path / "part")
        assert {path: path.stat().st_mtime_ns for path in first} == first
        assert pictures(tmp_path / "part") == expected
        assert not cut_off.exists()

    def test_other_version_is_replaced(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        root = tmp_path / "city"
        with monkeypatch.context() as patch:
            patch.setattr(render, "VERSION", VERSION - 1)
            render_tiny(root, seed=3)
        notes = root / "images" / "notes.txt"
        notes.write_text("the user's own")
        old = set(pictures(root))
        render_tiny(root)
        assert not old & set(pictures(root))
        assert json.loads((root / "demo_city.json").read_text())["version"] == VERSION
        assert notes.exists()

    def test_progress_reaches_the_total(self, tmp_path: Path) -> None:
        calls: list[tuple[int, int]] = []
        plan = dataclasses.replace(ONE_STREET, headings=1)
        render.render_plan(
            tmp_path / "city", plan, seed=0, scale=1, workers=1, progress=lambda *done: calls.append(done)
        )
        assert calls == [(0, 3), (3, 3)]

    def test_progress_counts_on_from_what_is_there(self, tmp_path: Path) -> None:
        city, calls = tmp_path / "city", []
        render_tiny(city)
        state = json.loads((city / "demo_city.json").read_text())
        (city / "demo_city.json").unlink()
        (city / ".rendering").write_text(json.dumps({key: state[key] for key in state if key != "status"}))
        next(city.rglob("*.jpg")).unlink()
        render.render_plan(city, ONE_STREET, seed=0, scale=1, workers=2, progress=lambda *done: calls.append(done))
        assert (calls[0], calls[-1]) == ((5, 6), (6, 6))

    @pytest.mark.parametrize("seen", [0, 3])
    def test_an_interruption_ends_all_workers_at_once(self, seen: int, tmp_path: Path) -> None:
        """While they start, and when each has a whole street and more to go."""
        folder = tmp_path / "city"
        with subprocess.Popen(
            [sys.executable, "-c", INTERRUPTED, str(folder)], stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as job:
            while not (folder / ".rendering").is_file() or len(pictures(folder)) < seen:
                time.sleep(0.02)
            time.sleep(0.0 if seen else 0.5)
            os.killpg(job.pid, signal.SIGINT)
            assert job.communicate(timeout=60)[1] == "interrupted\n"
        assert len(pictures(folder)) < 300  # no street was finished

    def test_where_interruptions_are_ignored_workers_ignore_them_too(self, tmp_path: Path) -> None:
        """As in the background of a script that is interrupted itself."""
        folder = tmp_path / "city"
        ignoring = INTERRUPTED.replace("signal.default_int_handler", "signal.SIG_IGN")
        with subprocess.Popen([sys.executable, "-c", ignoring, str(folder)], start_new_session=True) as job:
            try:
                while not folder.exists() or len(pictures(folder)) < 2:
                    time.sleep(0.02)
                os.killpg(job.pid, signal.SIGINT)
                before, latest = len(pictures(folder)), time.monotonic() + 60
                while len(pictures(folder)) < before + 20 and time.monotonic() < latest:
                    time.sleep(0.02)
                assert len(pictures(folder)) >= before + 20
                assert job.poll() is None
            finally:
                os.killpg(job.pid, signal.SIGKILL)


# Eight streets for two workers; each has 300 pictures.
INTERRUPTED = """
import signal
import sys
from pathlib import Path
from geoloc.data.demo_city import render
from geoloc.data.demo_city.plan import CityPlan, SplitPlan

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background of a script
    plan = CityPlan((SplitPlan("train", streets=8, places=50, queries=100, night=False),), rows=48, columns=64)
    try:
        render.render_plan(Path(sys.argv[1]), plan, seed=0, scale=1, workers=2)
    except KeyboardInterrupt:
        sys.exit("interrupted")
"""


class TestProjection:
    """A wall 6 m tall stands 10 m ahead of a camera at 1.6 m with a focal length of 100 pixels."""

    camera = Camera(x=0, y=0, z=1.6, turn=0.0, focal=100.0, rows=120, columns=160, horizon=60.0)
    wall = Boxes(np.array([[10, 12, -2, 2, 0, 6]], np.float32), np.zeros((1, 5), np.intp))
    nothing = Boxes.of([], [])

    def test_rows_and_columns_of_a_wall(self) -> None:
        view = cast(self.camera, self.wall, self.nothing)
        # Top: 60 - 100 * (6 - 1.6) / 10 = 16; foot: 60 + 100 * 1.6 / 10 = 76; sides: 80 -+ 100 * 2 / 10 = 60 and 100.
        middle = view.surface[:, 80]
        assert (middle[:16] == SKY).all()
        assert (middle[16:76] == 0).all()
        assert (middle[76:] == GROUND).all()
        assert np.flatnonzero(view.surface[40] == 0).tolist() == list(range(60, 100))
        assert view.depth[40, 80] == pytest.approx(10.0)
        assert view.depth[119, 80] == pytest.approx(1.6 * 100 / 59.5)

    def test_left_is_left(self) -> None:
        left = Boxes(np.array([[10, 12, 1, 3, 0, 6]], np.float32), np.zeros((1, 5), np.intp))
        seen = np.flatnonzero(cast(self.camera, left, self.nothing).surface[40] == 0)
        assert seen.tolist() == list(range(50, 70))

    def test_a_low_box_hides_the_foot_of_the_wall_and_shows_its_top(self) -> None:
        box = Boxes(np.array([[5, 8, -1, 1, 0, 1]], np.float32), np.zeros((1, 5), np.intp))
        middle = cast(self.camera, self.wall, box).surface[:, 80]
        # Far edge of its top: 60 + 60 / 8 = 67.5; near edge: 60 + 60 / 5 = 72; foot: 60 + 160 / 5 = 92.
        assert (middle[16:67] == 0).all()
        assert (middle[68:72] == 5 + 4).all()
        assert (middle[72:92] == 5).all()
        assert (middle[92:] == GROUND).all()

    def test_a_taller_building_shows_above_a_nearer_one(self) -> None:
        bounds = np.array([[20, 22, -5, 5, 0, 12], [10, 12, -5, 5, 0, 3]], np.float32)
        middle = cast(self.camera, Boxes(bounds, np.zeros((2, 5), np.intp)), self.nothing).surface[:, 80]
        # Tops: 60 - 100 * 10.4 / 20 = 8 and 60 - 100 * 1.4 / 10 = 46.
        assert (middle[:8] == SKY).all()
        assert (middle[8:46] == 0).all()
        assert (middle[46:76] == 5).all()
