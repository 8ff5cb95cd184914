"""What is said of small data sets whose faults are known."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from mini import name_of, write_image
from PIL import Image

from geoloc.data.check.cache import ScanCache
from geoloc.data.check.facts import facts_of
from geoloc.data.check.of_places import outliers
from geoloc.data.check.of_splits import home, in_one_frame
from geoloc.data.check.scan import scan
from geoloc.data.check.subject import Finding, merged
from geoloc.data.check.whole import Plan, findings_of, subjects_of
from geoloc.data.domains import Domain, folder
from geoloc.data.protocols import Protocol
from geoloc.earth import from_latlon
from geoloc.places import PlaceSet

PLAN = Plan(10, 25, 25, [1, 5], 3, [64, 64], False)


def photo(path: Path, seed: int, size=(64, 64)) -> Path:
    """A picture that looks like no other: smooth blobs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(path, quality=95)
    return path


def city(root: Path, splits=("test",), places=8, first=500_000.0) -> Path:
    """Two database photos and a query each 100 m; splits are 20 km apart."""
    for number, split in enumerate(splits):
        base = root / "images" / split
        for place in range(places):
            east = first + 20_000 * number + 100 * place
            for side, shift in (("database", 0), ("database", 4), ("queries", 2)):
                photo(base / side / name_of(east + shift), 1000 * number + 10 * place + shift)
    return root


def check(root: Path, plan=PLAN, splits=("test",), **options):
    domains = {split: [folder(root, split, **options)] for split in splits}
    return check_domains(root, domains, plan)


def check_domains(root, domains, plan=PLAN):
    paths = [path for several in domains.values() for domain in several for path in domain.paths()]
    photos = scan(paths, 0, ScanCache(root / "scan.sqlite"))
    subjects = subjects_of(domains, photos, plan)
    return findings_of(subjects, photos, plan)


def said(findings):
    return [(finding.spoils, finding.where, finding.what) for finding in findings]


def images(root, side, split="test"):
    return sorted((root / "images" / split / side).glob("*.jpg"))


def test_nothing_is_said_of_a_good_set(tmp_path):
    assert check(city(tmp_path / "a", ("train", "val", "test")), splits=("train", "val", "test")) == []


def test_unreadable_files(tmp_path):
    root = city(tmp_path / "a", ("train", "test"))
    for split in ("train", "test"):
        cut, empty = images(root, "database", split)[:2]
        cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
        empty.write_bytes(b"")
        images(root, "queries", split)[0].write_text("this is a note")
    what = "3 images cannot be read (2 of 16 in the database, 1 of 8 queries)"
    stop = check(root, splits=("train", "test"))
    assert said(stop) == [(True, "train a", what), (True, "test a", what)]
    assert "unreadable=skip_and_count" in stop[0].remedy
    assert [line.partition(": ")[0] for line in stop[1].examples] == [
        str(path) for path in (*images(root, "database")[:2], images(root, "queries")[0])
    ]
    skip = check(root, Plan(10, 25, 25, [1], 3, [64, 64], True), splits=("train", "test"))
    assert said(skip) == [(True, "test a", what), (False, "train a", what)]


def test_shapes_and_modes(tmp_path):
    root = city(tmp_path / "a")
    paths = images(root, "database")
    photo(paths[0], 0, (128, 64))
    photo(paths[1], 4, (32, 32))  # smaller and of the same shape
    for path, mode in zip(paths[2:4], ("L", "CMYK"), strict=True):
        Image.open(path).convert(mode).save(path)
    found = check(root)
    assert said(found) == [
        (False, "test a", "images have several shapes (width x height 64x64: 22, 128x64: 1, 32x32: 1)"),
        (False, "test a", "not all images are RGB (L: 1, CMYK: 1)"),
    ]
    photo(paths[0], 0, (32, 32))
    assert [finding.what[:7] for finding in check(root)] == ["not all"]


def test_light_that_contradicts_the_note(tmp_path):
    root = tmp_path / "a"
    for row in range(10):
        Image.new("RGB", (64, 64), (200,) * 3 if row < 7 else (20, 20, row)).save(
            photo(root / "images/test/database" / name_of(500_000 + 100 * row, note="day"), row), quality=95
        )
        photo(root / "images/test/queries" / name_of(500_001 + 100 * row), 500 + row)
    found = check(root)
    what = "3 of 10 photos of the database look like night where day is said, or the reverse"
    assert [finding.what for finding in found if "night" in finding.what] == [what]


def test_a_photo_that_finds_itself(tmp_path):
    root = city(tmp_path / "a")
    queries, database = images(root, "queries"), images(root, "database")
    shutil.copy(queries[1], database[0].with_name(name_of(500_101)))
    (finding,) = check(root)
    assert said([finding]) == [
        (
            True,
            "test a",
            "1 of 8 queries are in the database too, within 25 m (same bytes, or same panorama and time)",
        )
    ]
    assert finding.pairs == ((queries[1], database[0].with_name(name_of(500_101))),)


def test_the_same_exposure_in_another_encoding(tmp_path):
    root = city(tmp_path / "a")
    for side, quality, tag in (("database", 95, ""), ("queries", 40, "q")):
        path = root / "images/test" / side / name_of(500_103, tag=f"pano{tag}", time="201801")
        Image.open(photo(path, 77)).save(path, quality=quality)
    look = "hashes of what they show differ in at most 3 of 63 bits"
    assert said(check(root)) == [(False, "test a", f"1 of 9 queries look like a database image within 25 m ({look})")]
    for side, tag in (("database", ""), ("queries", "q")):
        path = root / "images/test" / side / name_of(500_103, tag=f"pano{tag}", time="201801")
        path.rename(path.with_name(name_of(500_103, tag="pano", time="201801")))
    assert [(finding.spoils, finding.what[:28]) for finding in check(root)] == [(True, "1 of 9 queries are in the da")]


def test_the_same_bytes_far_away(tmp_path):
    root = city(tmp_path / "a")
    shutil.copy(images(root, "queries")[0], images(root, "database")[0].with_name(name_of(500_705)))
    assert said(check(root)) == [
        (False, "test a", "1 of 8 queries are in the database too (same bytes), but farther than 25 m away")
    ]


def test_copies_within_the_database(tmp_path):
    root = city(tmp_path / "a")
    database = images(root, "database")
    shutil.copy(database[0], database[0].with_name(name_of(500_001)))  # 1 m on
    shutil.copy(database[4], database[0].with_name(name_of(500_601)))  # from 200 m to 601 m
    Image.open(database[8]).resize((48, 48)).save(database[8].with_name(name_of(500_401)), quality=70)
    same, look = check(root)
    assert said([same]) == [
        (
            False,
            "test a",
            "2 of 19 database images have the same bytes as an earlier one, 1 of them farther than 25 m from it, so"
            " that one of the positions is wrong",
        )
    ]
    assert look.what.startswith("2 of 19 database images look like another one")
    assert same.pairs[0] == (database[4], database[0].with_name(name_of(500_601)))
    assert look.pairs == ((database[8], database[8].with_name(name_of(500_401))),)


def test_files_shared_by_splits(tmp_path):
    root = city(tmp_path / "a", ("train", "val", "test"))
    # A query of train becomes one of test, and an image of val one of test's database.
    shutil.copy(images(root, "queries", "train")[0], images(root, "queries")[0])
    shutil.copy(images(root, "database", "val")[0], images(root, "database")[0])
    Image.open(images(root, "database", "train")[2]).save(images(root, "database")[5], quality=60)
    look = "hashes of what they show differ in at most 3 of 63 bits"
    assert said(check(root, splits=("train", "val", "test"))) == [
        (
            True,
            "test a",
            "1 image (1 of 8 queries, 0 of 16 in the database) are in train a too (same bytes)",
        ),
        (False, "test a", f"1 of 16 images of the database look like one of train a ({look})"),
        (False, "test a", "1 image (0 of 8 queries, 1 of 16 in the database) are in val a too (same bytes)"),
    ]


@pytest.mark.parametrize(("beside", "spoils"), [(1, False), (2, True)])
def test_ground_that_train_and_test_share(tmp_path, beside, spoils):
    """One of 10 queries beside train images may be where a set was cut; two are more than a tenth."""
    root = city(tmp_path / "a", ("train", "test"), places=10)
    for row, path in enumerate(images(root, "queries")[-beside:]):
        photo(path.with_name(name_of(500_720 + row)), 7000 + row)  # 25 m from 500 700, 16 to 704
        photo(root / "images/test/database" / name_of(500_725 + row), 8000 + row)
        path.unlink()
    assert said(check(root, splits=("train", "test"))) == [
        (spoils, "test a", f"{beside} of 10 queries ({beside * 10}%) lie within 25 m of images of train a")
    ]


def test_ground_of_two_sets_counts_only_where_the_zone_is_known(tmp_path):
    one, other = city(tmp_path / "one", ("train",)), city(tmp_path / "other", ("train",))
    for number, path in enumerate(sorted(other.rglob("*.jpg"))):
        photo(path, 9000 + number)
    domains = {"train": [folder(one, "train")], "test": [folder(other, "train")]}
    assert said(check_domains(tmp_path, domains)) == [
        (False, "test other", "8 of 8 queries (100%) lie within 25 m of images of train one")
    ]
    for path in sorted(other.rglob("*.jpg")):
        path.rename(path.with_name(path.name.replace("@17@T@", "@@@")))
    domains["test"] = [folder(other, "train")]
    assert check_domains(tmp_path, domains) == []


def places_in(tmp_path, latlon, zone=None, coordinates="utm"):
    """A domain with the same photos on both sides."""
    latlon = np.array(latlon)
    latlon[:, 1] = (latlon[:, 1] + 180) % 360 - 180
    xy, zones = from_latlon(latlon)
    names = np.array([f"{row}.jpg" for row in range(len(xy))])
    side = PlaceSet(tmp_path, names, xy, zones if zone is None else np.full(len(xy), zone), coordinates=coordinates)
    return Domain("a", side, side)


@pytest.mark.parametrize(
    ("first", "second", "same_set", "comparable"),
    [
        (("17 north",), ("17",), False, True),
        (("17 north",), ("18 north",), False, True),
        (("",), ("17",), True, True),
        (("",), ("17",), False, False),
        (("", "local"), ("", "local"), True, True),
        (("", "local"), ("", "local"), False, False),
        (("", "local"), ("17",), True, False),
    ],
)
def test_which_domains_can_be_compared(tmp_path, first, second, same_set, comparable):
    domains = [places_in(tmp_path, [[40.0, -81.0]], *given) for given in (first, second)]
    assert (in_one_frame(*domains, same_set) is not None) is comparable


@pytest.mark.parametrize("around", [(0.0, 12.0), (0.0, 13.5), (0.0, 180.0), (48.0, 12.0), (-33.0, -72.0)])
@pytest.mark.parametrize("wide", [False, True])
def test_distances_of_two_domains_are_right_across_borders(tmp_path, around, wide):
    """Train on one side of a border of zones (and of the equator), test on the other; or train on both sides of it."""
    lat, lon = around
    squared = 0.00669438  # eccentricity of WGS 84
    radius = 6_378_137 / math.sqrt(1 - squared * math.sin(math.radians(lat)) ** 2) * math.cos(math.radians(lat))
    step = math.degrees(1 / radius)  # of longitude, 1 m
    west = [[lat + 1e-9, lon - (20 + 100 * row) * step] for row in range(50)]
    east = [[lat - 1e-9, lon + 20 * step], [lat - 1e-9, lon + 60 * step]]
    more = [[lat - 1e-9, lon + 5000 * step]] if wide else []
    trained, asked = in_one_frame(places_in(tmp_path, west + more), places_in(tmp_path, east), True)
    metres = np.linalg.norm(asked[:, None] - trained[None, :50], axis=2)
    expected = np.array([20.0, 60.0])[:, None] + 20 + 100 * np.arange(50)
    # A plane of UTM is up to 0.1 % wrong itself, 2.5 km from its middle.
    assert metres == pytest.approx(expected, rel=0.003, abs=3 if wide else 0.5)


def test_the_home_of_a_split(tmp_path):
    root = city(tmp_path / "a", ("train", "test"), places=2)
    assert home(folder(root, "train")) == home(folder(root, "test")) == root.resolve()


def test_queries_without_positives(tmp_path):
    root = city(tmp_path / "a", ("train", "test"))
    for split, shift in (("train", 30), ("test", 40)):
        for path in images(root, "queries", split)[:3]:
            east = float(path.name.split("@")[1])
            path.rename(path.with_name(name_of(east + shift)))
    found = check(root, splits=("train", "test"))
    assert said(found) == [
        (False, "train a", "3 of 8 queries have no database image within 10 m"),
        (False, "test a", "3 of 8 queries have no database image within 25 m"),
    ]
    assert [finding.remedy for finding in found] == ["they are left out of training", "they count as misses in recall"]
    for path in images(root, "queries"):  # to the middle between two places
        path.rename(path.with_name(name_of(float(path.name.split("@")[1]) // 100 * 100 + 50)))
    assert said(check(root, splits=("test",))) == [(True, "test a", "no query has a database image within 25 m")]


def test_degrees_as_metres(tmp_path):
    root = tmp_path / "a"
    for side in ("database", "queries"):
        for row, (lat, lon) in enumerate([(45.07, 7.68), (45.11, 7.70)]):
            photo(root / "images/test" / side / f"@{lat}@{lon}@.jpg", row + (10 if side == "queries" else 0))
    found = check(root, Plan(10, 25, 25, [1], 3, [64, 64], False), coordinates="local")
    assert said(found) == [(True, "test a", "100% of the database images are within 25 m of an average query")]


def test_positives_are_measured_against_the_group(tmp_path):
    """Two groups of two photos: each query's positives are all of its own group."""
    root = tmp_path / "a"
    for row, group in enumerate(("x", "x", "y", "y")):
        for side in ("database", "queries"):
            name = name_of(500_000 + 10_000 * (row // 2) + row, note=f"day_{group}")
            photo(root / "images/test" / side / name, row + 50 * len(side))
    found = check(root, Plan(10, 25, 25, [1, 3], 3, [64, 64], False), protocol=Protocol(groups="note"))
    assert said(found) == [
        (True, "test a", "100% of the database images are within 25 m of an average query"),
        (False, "test a", "R@3 is asked for, and there are only 2 database images"),
    ]


def test_too_few_negatives(tmp_path):
    """Of 16 images all but the two of the query's own place are farther than 25 m."""
    root = city(tmp_path / "a", ("train",))
    assert check(root, Plan(10, 25, 25, [1], 14, [64, 64], False), splits=("train",)) == []
    assert said(check(root, Plan(10, 25, 25, [1], 15, [64, 64], False), splits=("train",))) == [
        (
            False,
            "train a",
            "8 queries can have fewer than 15 negatives (database images farther than radius.negative=25 m), at worst"
            " 14",
        )
    ]


def test_a_position_with_a_wrong_digit(tmp_path):
    root = city(tmp_path / "a")
    path = images(root, "database")[0]
    path.rename(path.with_name(name_of(530_000)))
    assert said(check(root)) == [(False, "test a", "1 image lies far from all others (29.3 km and more)")]


def test_outliers_by_hand():
    street = np.array([[10.0 * row, 0] for row in range(20)])
    assert outliers(np.concatenate([street, [[1180, 0]]]))[-1] == 0  # 990 m from the last
    assert outliers(np.concatenate([street, [[1200, 0]]]))[-1] == 1010
    cameras = np.array([[1000.0 * row, 0] for row in range(20)])
    assert not outliers(np.concatenate([cameras, [[28_900, 0]]])).any()  # 9.9 times the usual kilometre
    assert outliers(np.concatenate([cameras, [[29_100, 0], [29_100, 0]]])).tolist()[-2:] == [10_100, 10_100]
    assert not outliers(np.array([[0.0, 0], [90_000, 0]])).any()


def test_what_is_said_twice_is_said_once():
    one, two = (Finding(False, where, "same", "nothing") for where in ("test a", "test b"))
    worse = Finding(True, "val", "worse", "mend it")
    assert merged([one, worse, two]) == [worse, Finding(False, "test a, test b", "same", "nothing")]


def test_numbers_of_a_domain(tmp_path):
    root = city(tmp_path / "a")
    images(root, "queries")[0].write_bytes(b"")
    domains = {"test": [folder(root, "test")]}
    photos = scan(domains["test"][0].paths(), 0, ScanCache(tmp_path / "scan.sqlite"))
    (subject,) = subjects_of(domains, photos, PLAN)
    facts = facts_of(subject)
    assert (facts["stage"], facts["name"], facts["radius"], facts["extent_km"]) == ("test", "a", 25, [0.704, 0.0])
    assert facts["positives"] == {"mean": 2.0, "median": 2.0, "most": 2}
    assert {label: count for label, count in facts["positives_of_queries"].items() if count} == {"2": 8}
    # 16 positions, each 4 m from its twin
    assert {label: count for label, count in facts["metres_to_next"].items() if count} == {"5": 16}
    side = facts["sides"]["queries"]
    assert (side["images"], side["unreadable"], side["sizes"], side["modes"]) == (8, 1, {"64x64": 7}, {"RGB": 7})
    assert side["day"] + side["night"] == 7
    write_image(images(root, "queries")[0], 3)


def test_real_photos(shared_data, tmp_path):
    """Two clips of the indoor set are one: md5sum finds 12 files twice, half of them queries."""
    domains = {split: [folder(shared_data / "ie-tower-indoor", split)] for split in ("train", "val", "test")}
    what = "12 images (6 of 48 queries, 6 of 48 in the database) are in train ie_tower_indoor too (same bytes)"
    assert said(check_domains(tmp_path, domains)) == [(True, "test ie_tower_indoor", what)]
    assert check_domains(tmp_path, {"test": [folder(shared_data / "penn-campus-gps")]}) == []
