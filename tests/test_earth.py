"""Positions of several UTM zones, against distances on the ellipsoid that are worked out here in another way."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import utm
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc.data.domains import Domain
from geoloc.earth import earth_centred, from_above, from_latlon, in_one_frame, to_latlon, zones_of
from geoloc.errors import InputError
from geoloc.places import PlaceSet, together

A, B = 6_378_137.0, 6_356_752.314245  # axes of WGS 84 in metres


def vincenty(one, other):
    """Metres between two (latitude, longitude) along the ellipsoid (Vincenty, Survey Review 23, 1975)."""
    f = (A - B) / A
    lat1, lon1, lat2, lon2 = map(math.radians, (*one, *other))
    u1, u2, apart = math.atan((1 - f) * math.tan(lat1)), math.atan((1 - f) * math.tan(lat2)), lon2 - lon1
    angle = apart
    for _ in range(200):
        x = math.cos(u2) * math.sin(angle)
        y = math.cos(u1) * math.sin(u2) - math.sin(u1) * math.cos(u2) * math.cos(angle)
        sin_sigma = math.hypot(x, y)
        if sin_sigma == 0:
            return 0.0
        cos_sigma = math.sin(u1) * math.sin(u2) + math.cos(u1) * math.cos(u2) * math.cos(angle)
        sigma = math.atan2(sin_sigma, cos_sigma)
        sin_alpha = math.cos(u1) * math.cos(u2) * math.sin(angle) / sin_sigma
        cos2 = 1 - sin_alpha**2
        middle = cos_sigma - 2 * math.sin(u1) * math.sin(u2) / cos2 if cos2 else 0.0
        c = f / 16 * cos2 * (4 + f * (4 - 3 * cos2))
        new = apart + (1 - c) * f * sin_alpha * (sigma + c * sin_sigma * (middle + c * cos_sigma * (2 * middle**2 - 1)))
        if abs(new - angle) < 1e-13:
            break
        angle = new
    k = cos2 * (A**2 - B**2) / B**2
    big = 1 + k / 16384 * (4096 + k * (k * (320 - 175 * k) - 768))
    small = k / 1024 * (256 + k * (k * (74 - 47 * k) - 128))
    third = small / 6 * middle * (4 * sin_sigma**2 - 3) * (4 * middle**2 - 3)
    correction = small * sin_sigma * (middle + small / 4 * (cos_sigma * (2 * middle**2 - 1) - third))
    return B * big * (sigma - correction)


def frame(latlon):
    """(N, 3) positions of degrees."""
    return in_one_frame(*from_latlon(np.array(latlon, np.float64)))


def apart(places, one, other):
    return float(np.linalg.norm(places[one] - places[other]))


def test_the_reference_knows_a_degree_of_the_meridian():
    """One degree of latitude from the equator: 110,574 m (any table of the ellipsoid)."""
    assert vincenty((0, 10), (1, 10)) == pytest.approx(110_574.4, abs=0.5)


@pytest.mark.parametrize(
    ("latitude", "border"), [(51.48, 0.0), (45.0, 6.0), (-33.9, 150.0), (65.0, 12.0), (10.0, -180.0), (0.5, 30.0)]
)
def test_across_a_border_of_zones(latitude, border):
    """25 m to the west and to the east of a border are 50 m apart, up to the 0.1 % that UTM itself stretches."""
    step = 25 / (111_320 * math.cos(math.radians(latitude)))
    wrapped = (border + step + 180) % 360 - 180, (border - step + 180) % 360 - 180
    latlon = [(latitude, longitude) for longitude in wrapped]
    xy, zones = from_latlon(np.array(latlon))
    assert len(set(zones)) == 2
    assert np.linalg.norm(xy[0] - xy[1]) > 100_000  # what comparing the numbers would say
    true = vincenty(*latlon)
    assert true == pytest.approx(50, rel=0.01)
    assert apart(frame(latlon), 0, 1) == pytest.approx(true, rel=1e-3)


def test_across_the_equator():
    latlon = [(0.0002, 7.0), (-0.0002, 7.0), (0.0002, 7.0003)]
    xy, zones = from_latlon(np.array(latlon))
    assert sorted(set(zones.tolist())) == ["32 north", "32 south"]
    assert abs(xy[0, 1] - xy[1, 1]) > 9_999_000
    places = frame(latlon)
    for one, other in ((0, 1), (1, 2), (0, 2)):
        assert apart(places, one, other) == pytest.approx(vincenty(latlon[one], latlon[other]), rel=1e-3)


def test_within_a_zone_distances_are_those_of_its_plane():
    """Two cities of different zones: nothing inside either changes, so published numbers stay."""
    rng = np.random.default_rng(0)
    corner = np.array([585_000, 4_476_000])
    one = rng.uniform(0, 900, (40, 2)) + corner
    other = rng.uniform(0, 900, (30, 2)) + corner  # the same numbers in another zone
    xy, zones = np.concatenate([one, other]), np.array(["17 north"] * 40 + ["33 north"] * 30)
    places = in_one_frame(xy, zones)
    for rows in (np.s_[:40], np.s_[40:]):
        flat, solid = xy[rows], places[rows]
        want = np.linalg.norm(flat[:, None] - flat[None], axis=2)
        assert np.linalg.norm(solid[:, None] - solid[None], axis=2) == pytest.approx(want, abs=1e-6)
    assert apart(places, 0, 50) > 5_000_000


def test_the_zone_of_most_photos_is_the_plane():
    """Three photos west of 6 E, one east: distances between the three are exactly those of zone 31."""
    latlon = np.array([(45.0, 5.9990), (45.0, 5.9995), (45.0005, 5.9990), (45.0, 6.0002)])
    xy, zones = from_latlon(latlon)
    assert zones.tolist() == ["31 north"] * 3 + ["32 north"]
    places = in_one_frame(xy, zones)
    assert apart(places, 0, 2) == pytest.approx(float(np.linalg.norm(xy[0] - xy[2])), abs=1e-6)
    east, north, _, _ = utm.from_latlon(45.0, 6.0002, force_zone_number=31)
    # A position that changes its zone goes through degrees, which costs part of a millimetre.
    assert apart(places, 1, 3) == pytest.approx(float(np.linalg.norm(xy[1] - [east, north])), abs=1e-3)


@pytest.mark.parametrize("other", [(48.85, 2.35), (37.77, -122.42), (-33.86, 151.2), (59.91, 10.75)])
def test_between_cities_the_distance_is_the_straight_line(other):
    """London and others: the chord under the arc that the ellipsoid gives."""
    latlon = [(51.5, -0.1), other]
    arc = vincenty(*latlon)
    radius = 6_371_000
    assert apart(frame(latlon), 0, 1) == pytest.approx(2 * radius * math.sin(arc / radius / 2), rel=0.005)


def test_an_area_too_wide_for_one_plane_is_measured_through_the_earth():
    """Photos every 5 km along a parallel, over 20 degrees."""
    latlon = [(50.0, float(longitude)) for longitude in np.arange(0, 20, 0.06)]
    places = frame(latlon)
    for row in range(0, len(latlon) - 1, 37):
        assert apart(places, row, row + 1) == pytest.approx(vincenty(latlon[row], latlon[row + 1]), rel=1e-5)


@given(st.floats(-79, 83), st.floats(-180, 179.99), st.floats(-180, 180), st.floats(1, 3000))
@settings(max_examples=60, deadline=None)
def test_anywhere_near_photos_are_as_near_as_they_are(latitude, longitude, bearing, metres):
    other_lat = latitude + metres * math.cos(math.radians(bearing)) / 111_000
    stretch = 111_000 * max(math.cos(math.radians(latitude)), 0.05)
    other_lon = (longitude + metres * math.sin(math.radians(bearing)) / stretch + 180) % 360 - 180
    latlon = [(latitude, longitude), (other_lat, other_lon)]
    assert apart(frame(latlon), 0, 1) == pytest.approx(vincenty(*latlon), rel=3e-3, abs=1e-3)


def test_zones_agree_with_the_library():
    rng = np.random.default_rng(1)
    latlon = np.stack([rng.uniform(-80, 84, 3000), rng.uniform(-180, 180, 3000)], axis=1)
    wanted = [f"{utm.latlon_to_zone_number(*at)} {'north' if at[0] >= 0 else 'south'}" for at in latlon.tolist()]
    assert zones_of(latlon).tolist() == wanted


def test_there_and_back():
    latlon = np.array([(40.44, -80.0), (-33.86, 151.2), (60.0, 5.0)])
    assert to_latlon(*from_latlon(latlon)) == pytest.approx(latlon, abs=1e-7)
    assert np.linalg.norm(earth_centred(latlon), axis=1) == pytest.approx([6_369_000, 6_371_000, 6_362_000], abs=2000)


def side(xy, zones, root="set"):
    names = np.array([f"{row}.jpg" for row in range(len(xy))])
    return PlaceSet(Path(root), names, np.array(xy, np.float64), zones=np.array(zones))


def test_two_sides_come_into_one_frame_together():
    database = side([[500_000, 5_700_000], [500_010, 5_700_000]], ["30 north", "30 north"])
    queries = side([[500_000, 5_700_000]], ["31 north"])
    both = together(database, queries)
    assert [part.coordinates for part in both] == ["earth", "earth"]
    assert [part.xy.shape for part in both] == [(2, 3), (1, 3)]
    assert together(*both) == both  # once is enough
    same = together(database, side([[500_000, 5_700_000]], ["30"]))
    assert same[0] is database


def test_zones_of_which_some_do_not_say_the_hemisphere():
    database = side([[500_000, 9_999_990], [500_000, 10]], ["30", "31 north"])
    queries = side([[500_000, 9_999_990]], ["30 south"])
    found = together(database, queries)
    assert np.linalg.norm(found[0].xy[0] - found[1].xy[0]) == pytest.approx(0, abs=1e-6)
    with pytest.raises(InputError, match=r"several UTM zones \(30 north, 31 north\), and 1 do not say in which"):
        together(side([[5e5, 1], [5e5, 1]], ["30 north", ""]), side([[5e5, 1]], ["31 north"]))


@pytest.mark.parametrize("second", ["56 north", "56 south", "56"])
def test_a_hemisphere_is_never_guessed_where_there_are_several_zones(second):
    """Sydney's zone without its letter, beside another one: read as north, photos across the border would be lost."""
    one = side([[222_000, 6_250_000]], [second])
    with pytest.raises(InputError, match=r"set: images lie in several UTM zones .*: 55 may be north or south"):
        together(one, side([[777_000, 6_250_000]], ["55"]))


def test_one_side_in_a_local_frame_is_refused():
    local = PlaceSet(Path("indoors"), np.array(["a.jpg"]), np.array([[5.0, 5.0]]), coordinates="local")
    with pytest.raises(InputError, match=r"indoors: its positions are in a local frame .* those of set are places on"):
        together(side([[500_000, 5_700_000]], ["30 north"]), local)


@pytest.mark.parametrize(("lat", "lon"), [(-33.9, 150.0), (45.0, 6.0), (10.0, 180.0), (0.5, -78.0)])
def test_extents_are_eastward_and_northward(lat, lon):
    """A street of 2 km along a border of zones with a side street of 0.2 km across it."""
    north, east = 2000 / 111_000 / 2, 200 / 111_320 / math.cos(math.radians(lat)) / 2
    latlon = np.array(
        [(lat - north, lon), (lat + north, lon), (lat, lon - east), (lat, (lon + east + 180) % 360 - 180)]
    )
    height, width = vincenty(*latlon[:2].tolist()), vincenty(*latlon[2:].tolist())
    xy, zones = from_latlon(latlon)
    domain = Domain("d", side(xy[:2], zones[:2]), side(xy[2:], zones[2:]))
    assert domain.database.coordinates == "earth"
    assert domain.extent_km() == pytest.approx((width / 1000, height / 1000), rel=2e-3)


def test_positions_all_around_the_earth_have_an_extent():
    for latlon in ([(0, 0), (0, 180)], [(89.9, 0), (89.9, 180)], [(0, 90), (0, -90), (0, 0), (0, 180)]):
        assert np.isfinite(from_above(earth_centred(np.array(latlon, np.float64)))).all()
