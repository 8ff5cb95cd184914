import logging
import os
from pathlib import Path

import numpy as np
import pytest
from mini import name_of, write_image, write_side

from geoloc.data.domains import folder, metric_name
from geoloc.data.readers import find_images, read_places
from geoloc.errors import InputError
from geoloc.places import together


@pytest.mark.parametrize("parent", ["user@host", "città 北京/my photos"])
def test_only_the_base_name_holds_the_position(tmp_path, parent):
    write_side(tmp_path / parent / "database", [500_000, 500_010])
    assert read_places(tmp_path / parent / "database").xy.tolist() == [[500_000, 4_000_000], [500_010, 4_000_000]]


def test_one_badly_named_file_is_named(tmp_path):
    write_side(tmp_path, [500_000 + i for i in range(9)])
    write_image(tmp_path / "IMG_0042.jpg", 0)
    with pytest.raises(InputError, match=r"1 of 10 names have no position \(IMG_0042\.jpg\).*database|must look like"):
        read_places(tmp_path)


def test_nan_in_a_name_is_refused(tmp_path):
    write_image(tmp_path / "@nan@4476000.00@17@T@.jpg", 0)
    with pytest.raises(InputError, match="not a finite number"):
        read_places(tmp_path)


def test_degrees_in_names_are_refused(tmp_path):
    for name in ("@45.07@7.68@.jpg", "@45.11@7.70@.jpg"):
        write_image(tmp_path / name, 0)
    with pytest.raises(InputError, match="latitude and longitude"):
        read_places(tmp_path)


def test_extensions_in_any_case_links_and_hidden_files(tmp_path, caplog):
    real = tmp_path / "elsewhere"
    for name in ("a.jpg", "B.JPG", "c.jpeg", "d.png", "deep/e.JPEG", "._a.jpg", ".hidden/f.jpg"):
        write_image(real / name.replace("._a.jpg", "x.jpg"), 0)
    (real / "x.jpg").rename(real / "._a.jpg")
    (real / "notes.txt").write_text("no image")
    (tmp_path / "database").symlink_to(real)
    with caplog.at_level(logging.INFO, "geoloc"):
        assert find_images(tmp_path / "database") == ["B.JPG", "a.jpg", "c.jpeg", "d.png", "deep/e.JPEG"]
    assert "5 images (1 .JPEG, 1 .JPG, 1 .jpeg, 1 .jpg, 1 .png), ignored 1 .txt, 1 hidden" in caplog.text


def test_a_link_to_its_own_parent_ends(tmp_path):
    write_image(tmp_path / "a.jpg", 0)
    (tmp_path / "loop").symlink_to(tmp_path)
    assert find_images(tmp_path) == ["a.jpg"]


def test_a_folder_counts_under_its_own_path_and_not_under_that_of_a_link(tmp_path):
    write_image(tmp_path / "tuesday/left/a.jpg", 0)
    (tmp_path / "best").mkdir()
    (tmp_path / "best/link").symlink_to(tmp_path / "tuesday/left")  # found first, in the order of names
    write_image(tmp_path.with_name("elsewhere") / "b.jpg", 0)
    for name in ("first", "second"):
        (tmp_path / name).symlink_to(tmp_path.with_name("elsewhere"))
    assert find_images(tmp_path) == ["first/b.jpg", "tuesday/left/a.jpg"]


def test_an_empty_folder_is_an_error_that_names_it(tmp_path):
    with pytest.raises(InputError, match=rf"{tmp_path}: no images \(accepted: \.bmp \.jpeg \.jpg \.png \.webp"):
        find_images(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        find_images(tmp_path / "nowhere")


def test_all_fields_of_a_name(tmp_path):
    write_image(tmp_path / name_of(500_000, tag="pano7", note="night", time="20240101_220000"), 0)
    places = read_places(tmp_path)
    assert (places.zones[0], places.notes[0], places.shots[0]) == ("17 north", "night", "pano7 20240101_220000")


def test_equal_numbers_of_two_zones_are_far_apart(tmp_path):
    """The middles of zones 30 and 31 at this latitude: 6 degrees of longitude, some 417 km."""
    write_image(tmp_path / "images/test/database/@0500000.00@5700000.00@30@U@.jpg", 0)
    write_image(tmp_path / "images/test/database/@0500000.00@5700000.00@31@U@.jpg", 0)
    write_image(tmp_path / "images/test/queries/@0500003.00@5700004.00@31@U@.jpg", 0)
    domain = folder(tmp_path)
    assert domain.positives(25).of(0).tolist() == [1]
    apart = np.linalg.norm(domain.database.xy - domain.queries.xy, axis=1)
    assert apart == pytest.approx([417_000, 5], abs=1000)
    assert apart[1] == pytest.approx(5, abs=1e-6)
    assert domain.extent_km()[0] > 300


def test_a_row_of_a_table_names_its_zone(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        write_image(tmp_path / "database" / name, 0)
    table = tmp_path / "database.csv"
    table.write_text("path,east,north,zone,group,pano,time\na.jpg,500000,1,56H,oslo,p1,2024\nb.jpg,500000,1,,,p2,\n")
    places = read_places(tmp_path / "database")
    assert places.zones.tolist() == ["56 south", ""]
    assert places.groups.tolist() == ["oslo", ""]
    assert places.shots.tolist() == ["p1 2024", ""]
    table.write_text("path,east,north,zone\na.jpg,500000,1,99H\n")
    with pytest.raises(InputError, match=r"the row a\.jpg: '99H' is no UTM zone such as 17T"):
        read_places(tmp_path / "database")


def test_table_in_metres(tmp_path):
    for name in ("b.jpg", "a.jpg", "left_out.jpg"):
        write_image(tmp_path / "database" / name, 0)
    (tmp_path / "database.csv").write_text("path,east,north,note\nb.jpg,500010,4000000,day\na.jpg,500000,4000000,\n")
    places = read_places(tmp_path / "database")
    assert places.names.tolist() == ["a.jpg", "b.jpg"]
    assert places.xy.tolist() == [[500_000, 4_000_000], [500_010, 4_000_000]]
    assert places.notes.tolist() == ["", "day"]


def test_tables_in_degrees_on_both_sides_of_a_border(tmp_path):
    # Longitude 6 E is the border of zones 31 and 32.
    write_image(tmp_path / "images/test/database/a.jpg", 0)
    write_image(tmp_path / "images/test/queries/a.jpg", 0)
    (tmp_path / "images/test/database.csv").write_text("path,lat,lon\na.jpg,45.0,5.9999\n")
    (tmp_path / "images/test/queries.csv").write_text("path,lat,lon\na.jpg,45.0,6.0001\n")
    domain = folder(tmp_path)
    assert (domain.queries.zones.tolist(), domain.database.zones.tolist()) == (["32 north"], ["31 north"])
    # 0.0002 degrees of longitude at latitude 45: 0.0002 * 111320 * cos(45 deg) = 15.74 m.
    assert np.linalg.norm(domain.queries.xy - domain.database.xy) == pytest.approx(15.75, abs=0.05)


def test_zones_that_say_no_hemisphere_fit_those_that_do(tmp_path):
    write_image(tmp_path / "images/test/database/@0500000.00@5700000.00@30@U@.jpg", 0)
    write_image(tmp_path / "images/test/queries/@0500001.00@5700000.00@30@@.jpg", 0)
    assert folder(tmp_path).positives(25).counts.tolist() == [1]
    write_image(tmp_path / "images/val/database/@0500000.00@4982950.40@31@@.jpg", 0)
    write_image(tmp_path / "images/val/queries/a.jpg", 0)
    (tmp_path / "images/val/queries.csv").write_text("path,lat,lon\n./a.jpg,45.0,3.0\n")
    domain = folder(tmp_path, "val")
    assert np.linalg.norm(domain.queries.xy - domain.database.xy) == pytest.approx(0, abs=1)


def test_names_without_a_zone_fit_those_with_one(tmp_path):
    for east, zone in ((500_000, "@17@T"), (500_010, "@17@"), (500_020, "@@")):
        write_image(tmp_path / f"@{east}@4000000{zone}@.jpg", 0)
    assert sorted(read_places(tmp_path).zones.tolist()) == ["", "17", "17 north"]
    places = read_places(tmp_path)
    assert together(places, places)[0] is places  # nothing says that they lie in several
    write_image(tmp_path / "@500030@4000000@17@G@.jpg", 0)
    with pytest.raises(InputError, match=r"several UTM zones \(17, 17 north, 17 south\), and 2 do not say in which"):
        together(read_places(tmp_path), places)
    (tmp_path / "@500020@4000000@@@.jpg").unlink()
    with pytest.raises(InputError, match=r"17 may be north or south; field 4 of a name, the band letter, says it"):
        together(read_places(tmp_path), read_places(tmp_path))


def test_a_name_that_no_table_can_hold_is_refused(tmp_path):
    good = write_image(tmp_path / "a.jpg", 0)
    Path(os.fsdecode(os.fsencode(tmp_path / "x") + b"\xe9.jpg")).write_bytes(good.read_bytes())
    with pytest.raises(InputError, match=r"1 names are not UTF-8 \(x\?\.jpg\); rename them"):
        find_images(tmp_path)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("path,east,north\n0.jpg,500000,25,4000000,10\n", r"the row 0\.jpg,500000,25\.\.\. has not as many cells"),
        ("path,east,north\n0.jpg,500000\n", r"the row 0\.jpg,500000\.\.\. has not as many cells as the header"),
    ],
)
def test_decimal_commas_and_short_rows(tmp_path, table, message):
    for name in ("0.jpg", "1.jpg"):
        write_image(tmp_path / "database" / name, 0)
    (tmp_path / "database.csv").write_text(table)
    with pytest.raises(InputError, match=message):
        read_places(tmp_path / "database")


def test_blank_rows_of_a_table_do_no_harm(tmp_path):
    write_image(tmp_path / "database" / "0.jpg", 0)
    (tmp_path / "database.csv").write_text("path,east,north\n,,\n0.jpg,500000,4000000\n\n,,\n")
    assert read_places(tmp_path / "database").xy.tolist() == [[500_000, 4_000_000]]


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    write_image(tmp_path / "@0500000.00@5700000.00@.jpg", 0)
    (tmp_path / "@0500001.00@5700000.00@.jpg").symlink_to("/nonexistent")
    with pytest.raises(InputError, match=r"1 links lead nowhere \(@0500001"):
        read_places(tmp_path)


def test_table_that_does_not_fit(tmp_path):
    write_image(tmp_path / "database/a.jpg", 0)
    table = tmp_path / "database.csv"
    table.write_text("path,x,y\na.jpg,1,2\n")
    with pytest.raises(InputError, match=r"needs columns path,east,north or path,lat,lon; it has path,x,y"):
        read_places(tmp_path / "database")
    table.write_text("path,east,north\na.jpg,500000,4000000\nb.jpg,500000,4000000\n")
    with pytest.raises(InputError, match=r"images that are not in .*: 1 \(b\.jpg\)"):
        read_places(tmp_path / "database")
    table.write_text("path,east,north\na.jpg,here,4000000\n")
    with pytest.raises(InputError, match="not a number"):
        read_places(tmp_path / "database")
    for latitude in (145, -82):
        table.write_text(f"path,lat,lon\na.jpg,{latitude},8\n")
        with pytest.raises(InputError, match="latitude must lie in"):
            read_places(tmp_path / "database")
    table.write_bytes("path,east,north\né.jpg,1,2\n".encode("latin-1"))
    with pytest.raises(InputError, match="not a table in UTF-8"):
        read_places(tmp_path / "database")
    table.write_text("path,east,north\n")
    with pytest.raises(InputError, match="has no rows"):
        read_places(tmp_path / "database")


def test_a_missing_part_of_the_layout_is_named(tmp_path):
    write_side(tmp_path / "images/test/database", [500_000])
    with pytest.raises(InputError, match=r"images/test/queries: no such folder .*it has images/test\)"):
        folder(tmp_path)
    with pytest.raises(InputError, match=r"images/val/database and .*images/val/queries: no such folder"):
        folder(tmp_path, "val")
    (tmp_path / "images/test/queries").mkdir()
    with pytest.raises(InputError, match=r"images/test/queries: no images"):
        folder(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        folder(tmp_path / "nowhere")


@pytest.mark.parametrize("status", ["unfinished", "finished"])
def test_a_set_whose_preparation_was_interrupted_is_refused(tmp_path, status):
    for side in ("database", "queries"):
        write_image(tmp_path / f"images/test/{side}/@0500001.00@4000000.00@.jpg", 0)
    (tmp_path / "prepared.json").write_text(f'{{"status": "{status}"}}')
    if status == "finished":
        assert len(folder(tmp_path)) == 2
        return
    with pytest.raises(InputError, match=f"{tmp_path}: its preparation was interrupted; the same call of"):
        folder(tmp_path)


def test_order_of_a_domain_is_database_then_queries(mini_city):
    domain = folder(mini_city)
    assert (len(domain.database), len(domain.queries), len(domain)) == (12, 6, 18)
    assert [path.parent.name for path in domain.paths()] == ["database"] * 12 + ["queries"] * 6
    assert domain.positives(25).counts.tolist() == [2] * 6
    assert domain.extent_km() == pytest.approx((0.504, 0))


def test_two_cities_with_the_same_file_names_do_not_mix(tmp_path):
    """Two domains of 3 + 2 images with identical names: each is searched in its own database."""
    for city in ("a", "b"):
        write_side(tmp_path / city / "images/test/database", [500_000, 500_100, 500_200])
        write_side(tmp_path / city / "images/test/queries", [500_100, 500_200])
    cities = [folder(tmp_path / city) for city in "ab"]
    assert [city.name for city in cities] == ["a", "b"]
    for city in cities:
        assert [city.positives(25).of(q).tolist() for q in range(2)] == [[1], [2]]
        assert all(path.is_relative_to(tmp_path / city.name) for path in city.paths())


def test_names_of_domains_fit_metrics():
    assert metric_name("Tokyo 24/7 (night)") == "Tokyo_24_7_night_"
    assert metric_name("città") == "citt_"


def test_degrees_are_in_no_local_frame(tmp_path):
    """Across a border of zones; coordinates=local may be typed for another set of the same run."""
    for side, lon in (("database", -78.00006), ("queries", -77.99994)):
        write_image(tmp_path / "images/test" / side / "a.jpg", 0)
        (tmp_path / f"images/test/{side}.csv").write_text(f"path,lat,lon\na.jpg,40,{lon}\n")
    for coordinates in ("utm", "local"):
        domain = folder(tmp_path, coordinates=coordinates)
        assert domain.positives(15).of(0).tolist() == [0]
        assert domain.positives(5).of(0).tolist() == []


@pytest.mark.parametrize(
    ("field", "zone"), [("56@S", "56"), ("56@0", "56"), ("56@south", "56"), ("56@h", "56 south"), ("056@H", "56 south")]
)
def test_a_letter_that_is_no_band_does_not_say_the_hemisphere(tmp_path, field, zone):
    write_image(tmp_path / "database" / f"@333568.00@6247473.00@{field}@.jpg", 0)
    assert read_places(tmp_path / "database").zones.tolist() == [zone]


def test_a_zone_that_cannot_be_read_is_told(tmp_path, caplog):
    write_image(tmp_path / "database/@500000.00@4000000.00@17.0@S@.jpg", 0)
    write_image(tmp_path / "database/@500010.00@4000000.00@17@S@.jpg", 0)
    write_image(tmp_path / "database/@500020.00@4000000.00@@@.jpg", 0)
    assert read_places(tmp_path / "database").zones.tolist() == ["", "17 north", ""]
    assert "database: field 3 of 1 names is no number of a UTM zone (17.0), so their zone counts as not" in caplog.text
