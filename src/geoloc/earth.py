"""Positions of several UTM zones in one metric frame, in which every distance is right.

UTM coordinates of two zones cannot be compared: photos on both sides of a border look hundreds of kilometres apart, and
two cities of different zones may have the same numbers. Here each area keeps the plane of one zone, with exactly the
distances that it has there, and the planes are put where they belong on the earth.
"""

from __future__ import annotations

import numpy as np
import utm
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

# WGS 84
SEMI_MAJOR = 6_378_137.0  # metres
FLATTENING = 1 / 298.257223563
CELL = 10_000.0  # metres; photos nearer than this are measured in one plane
FARTHEST = 6.0  # degrees of longitude from a zone's meridian up to which its plane is used


def to_latlon(xy: np.ndarray, zones: np.ndarray) -> np.ndarray:
    """Latitude and longitude of UTM positions.

    Args:
        xy: (N, 2) float64, (easting, northing) in metres.
        zones: (N,) str, each such as "17 north".

    Returns:
        (N, 2) float64 degrees.
    """
    latlon = np.empty_like(xy)
    for zone in np.unique(zones):
        rows = zones == zone
        number, _, half = str(zone).partition(" ")
        latlon[rows] = np.stack(
            utm.to_latlon(xy[rows, 0], xy[rows, 1], int(number), northern=half != "south", strict=False), axis=1
        )
    return latlon


def from_latlon(latlon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """UTM positions, each in its own zone.

    Args:
        latlon: (N, 2) float64 degrees, latitude in -80..84.

    Returns:
        (N, 2) float64 (easting, northing) in metres, and (N,) str zones such as "17 north".
    """
    zones = zones_of(latlon)
    xy = np.empty_like(latlon)
    for zone in np.unique(zones):
        xy[zones == zone] = _utm(latlon[zones == zone], str(zone))
    return xy, zones


def zones_of(latlon: np.ndarray) -> np.ndarray:
    """(N,) str UTM zones of (N, 2) degrees, with the exceptions around Norway and Svalbard.

    Example:
        >>> zones_of(np.array([[40.44, -80.0], [60.0, 5.0], [78.0, 10.0], [-33.9, 180.0]])).tolist()
        ['17 north', '32 north', '33 north', '1 south']
    """
    lat, lon = latlon[:, 0], (latlon[:, 1] + 180) % 360 - 180
    number = np.floor((lon + 180) / 6).astype(np.int64) + 1
    number[(lat >= 56) & (lat < 64) & (lon >= 3) & (lon < 12)] = 32
    for low, high, own in ((0, 9, 31), (9, 21, 33), (21, 33, 35), (33, 42, 37)):
        number[(lat >= 72) & (lon >= low) & (lon < high)] = own
    return np.array([f"{n} {'north' if northern else 'south'}" for n, northern in zip(number, lat >= 0, strict=True)])


def _utm(latlon: np.ndarray, zone: str) -> np.ndarray:
    """(n, 2) metres of (n, 2) degrees in a given zone, also beyond its borders."""
    number, _, half = zone.partition(" ")
    east, north, _, _ = utm.from_latlon(
        latlon[:, 0], latlon[:, 1], force_zone_number=int(number), force_northern=half != "south"
    )
    return np.stack([east, north], axis=1)


def earth_centred(latlon: np.ndarray) -> np.ndarray:
    """(N, 3) float64 metres from the centre of the earth (WGS 84, height 0), of (N, 2) degrees.

    Example:
        >>> earth_centred(np.array([[0.0, 0.0], [90.0, 0.0]])).round().tolist()
        [[6378137.0, 0.0, 0.0], [0.0, 0.0, 6356752.0]]
    """
    lat, lon = np.radians(latlon).T
    squared = FLATTENING * (2 - FLATTENING)  # eccentricity
    normal = SEMI_MAJOR / np.sqrt(1 - squared * np.sin(lat) ** 2)
    return np.stack(
        [normal * np.cos(lat) * np.cos(lon), normal * np.cos(lat) * np.sin(lon), normal * (1 - squared) * np.sin(lat)],
        axis=1,
    )


def on_surface(places: np.ndarray) -> np.ndarray:
    """Points near the surface of the earth, brought down or up to it (WGS 84).

    Of a plane of `in_one_frame` that reaches 30 km, this is right to 1 m, wherever it touches the earth.

    Args:
        places: (N, 3) float64 metres from the centre of the earth.

    Returns:
        (N, 3) float64 metres.
    """
    axes = np.array([SEMI_MAJOR, SEMI_MAJOR, SEMI_MAJOR * (1 - FLATTENING)])
    return places / np.linalg.norm(places / axes, axis=1, keepdims=True)


def surface_latlon(places: np.ndarray) -> np.ndarray:
    """Latitude and longitude of points near the surface of the earth; undoes `earth_centred`.

    Args:
        places: (N, 3) float64 metres from the centre of the earth.

    Returns:
        (N, 2) float64 degrees, as right as `on_surface`.

    Example:
        >>> surface_latlon(earth_centred(np.array([[45.0, 9.0], [-33.9, 151.2]]))).round(6).tolist()
        [[45.0, 9.0], [-33.9, 151.2]]
    """
    x, y, z = on_surface(places).T
    squared = FLATTENING * (2 - FLATTENING)
    return np.degrees(np.stack([np.arctan2(z, (1 - squared) * np.hypot(x, y)), np.arctan2(y, x)], axis=1))


def in_one_frame(xy: np.ndarray, zones: np.ndarray) -> np.ndarray:
    """Positions of several zones in one frame.

    Photos nearer than 10 km to each other, directly or through others between, make an area. An area is measured in the
    zone that holds most of it, so distances within one zone stay what they were; if it reaches farther than 6 degrees
    from that zone's meridian, in straight lines through the earth instead. Distances between areas are straight lines.

    Args:
        xy: (N, 2) float64, (easting, northing) in metres, each in its own zone.
        zones: (N,) str, each such as "17 north".

    Returns:
        (N, 3) float64 metres.
    """
    latlon = to_latlon(xy, zones)
    placed = earth_centred(latlon)
    areas = areas_of(placed)
    for area in range(areas.max() + 1):
        rows = np.flatnonzero(areas == area)
        plane = _plane(xy[rows], zones[rows], latlon[rows])
        if plane is not None:
            placed[rows] = plane
    return placed


def from_above(places: np.ndarray, middle: np.ndarray | None = None) -> np.ndarray:
    """Positions as seen from above their middle.

    Args:
        places: (N, 3) float64 metres from the centre of the earth.
        middle: (3,) float64, another place to look down from; None: that of these places.

    Returns:
        (N, 2) float64 metres to the east and to the north of the middle.

    Example:
        >>> a, b = from_above(earth_centred(np.array([[45.0, 9.0], [45.001, 9.0]])))  # along a meridian
        >>> (b - a).round().tolist()
        [0.0, 111.0]
    """
    middle = places.mean(axis=0) if middle is None else middle
    eastward = np.array([-middle[1], middle[0], 0.0])
    if not np.linalg.norm(eastward) > 1:  # above a pole, or the middle of the earth, every direction will do
        eastward = np.array([0.0, 1.0, 0.0])
    northward = np.cross(middle, eastward)
    if not np.linalg.norm(northward) > 1:
        northward = np.array([0.0, 0.0, 1.0])
    axes = np.stack([axis / np.linalg.norm(axis) for axis in (eastward, northward)], axis=1)
    return (places - middle) @ axes


def areas_of(places: np.ndarray) -> np.ndarray:
    """Which positions lie together: nearer than 10 km to each other, directly or through others between.

    Args:
        places: (N, 2) or (N, 3) float64 metres.

    Returns:
        (N,) int64 number of the area of each, from 0.

    Example:
        >>> areas_of(np.array([[0.0, 0.0], [9_000.0, 0.0], [99_000.0, 0.0]])).tolist()
        [0, 0, 1]
    """
    cells, own = np.unique(np.floor(places / CELL).astype(np.int64), axis=0, return_inverse=True)
    pairs = cKDTree(cells).query_pairs(1.5, p=np.inf, output_type="ndarray")  # cells that touch, corners too
    links = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(cells), len(cells)))
    return connected_components(links, directed=False)[1][own.ravel()]


def _plane(xy: np.ndarray, zones: np.ndarray, latlon: np.ndarray) -> np.ndarray | None:
    """The (n, 3) positions of an area in the plane of one zone; None if it is too wide for that."""
    names, counts = np.unique(zones, return_counts=True)
    zone = str(names[counts.argmax()])
    meridian = 6 * int(zone.partition(" ")[0]) - 183
    if (np.abs((latlon[:, 1] - meridian + 180) % 360 - 180) > FARTHEST).any():
        return None
    flat = xy.copy()
    others = zones != zone
    if others.any():
        flat[others] = _utm(latlon[others], zone)
    middle = flat.mean(axis=0)
    # The plane touches the earth in the middle of the area and lies along the grid of the zone.
    corners = middle + np.array([[0.0, 0.0], [1000.0, 0.0], [0.0, 1000.0]])
    origin, east_of, north_of = earth_centred(to_latlon(corners, np.full(3, zone)))
    eastward = (east_of - origin) / np.linalg.norm(east_of - origin)
    northward = north_of - origin
    northward -= northward @ eastward * eastward
    northward /= np.linalg.norm(northward)
    return origin + (flat - middle) @ np.stack([eastward, northward])
