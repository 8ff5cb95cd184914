"""predictions/<domain>.places.csv: where each photo of a domain was taken, for maps and for whatever asks later."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geoloc.data.domains import Domain
from geoloc.earth import areas_of, from_above, surface_latlon, to_latlon
from geoloc.errors import InputError
from geoloc.places import SIDES

COLUMNS = ("side", "name", "area", "east", "north", "lat", "lon", "positives")


@dataclass(frozen=True)
class Places:
    """Positions of one side of a domain.

    Attributes:
        names: Relative paths of the N photos.
        areas: (N,) int64; photos of different areas are 10 km apart or more, and each area is a map of its own.
        xy: (N, 2) float64, metres to the east and north: UTM, a local frame, or, where a domain lies in several UTM
            zones, from the middle of the area.
        latlon: (N, 2) float64 degrees; NaN where they are not known.
        positives: (N,) int64, right database images of each query; 0 for the database.
    """

    names: list[str]
    areas: np.ndarray
    xy: np.ndarray
    latlon: np.ndarray
    positives: np.ndarray


def write_places(path: Path, domain: Domain, positives: np.ndarray) -> None:
    """Write one line a photo, the database first.

    Args:
        path: Of the file; its folder is made.
        domain: Whose photos they are.
        positives: (Q,) int64, number of right database images of each query.
    """
    areas, xy, latlon = located(domain)
    names = np.concatenate([domain.database.names, domain.queries.names])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row, name in enumerate(names.tolist()):
            query = row - len(domain.database)
            degrees = ("", "") if np.isnan(latlon[row]).any() else (f"{each:.7f}" for each in latlon[row])
            metres = (f"{each:.2f}" for each in xy[row])
            count = "" if query < 0 else int(positives[query])
            writer.writerow((SIDES[query >= 0], name, areas[row], *metres, *degrees, count))


def located(domain: Domain) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N,) areas, (N, 2) metres and (N, 2) degrees of the database and then the queries; see `Places`."""
    places = np.concatenate([domain.database.xy, domain.queries.xy])
    areas = areas_of(places)
    if domain.database.coordinates != "earth":
        return areas, places, _degrees(domain, places)
    xy = np.empty((len(places), 2))
    for area in range(areas.max() + 1):
        xy[areas == area] = from_above(places[areas == area])
    return areas, xy, surface_latlon(places)


def degrees_of(domain: Domain, xy: np.ndarray) -> np.ndarray:
    """(n, 2) degrees of (n, A) positions in the frame of a domain; NaN where they are not known."""
    return surface_latlon(xy) if domain.database.coordinates == "earth" else _degrees(domain, xy)


def _degrees(domain: Domain, xy: np.ndarray) -> np.ndarray:
    """(N, 2) degrees of positions in one zone; NaN if it or its hemisphere is not said by any photo."""
    assert domain.database.zones is not None
    assert domain.queries.zones is not None
    zones = {str(zone) for zone in np.unique(np.concatenate([domain.database.zones, domain.queries.zones]))}
    whole = [zone for zone in zones if " " in zone]
    if domain.database.coordinates != "utm" or len(whole) != 1:
        return np.full((len(xy), 2), np.nan)
    return to_latlon(xy, np.full(len(xy), whole[0]))


def read_places(path: Path) -> dict[str, Places] | None:
    """Read what `write_places` has written.

    Args:
        path: Of the file.

    Returns:
        "database" and "queries"; None if there is no such file, as in older runs.

    Raises:
        InputError: It is another file.
    """
    if not path.is_file():
        return None
    rows: dict[str, list[list[str]]] = {side: [] for side in SIDES}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        if tuple(next(reader, ())) != COLUMNS:
            raise InputError(f"{path}: must have the columns {', '.join(COLUMNS)}")
        for row in reader:
            if len(row) != len(COLUMNS) or row[0] not in rows:
                raise InputError(f"{path}: line {reader.line_num} is not of this table")
            rows[row[0]].append(row)
    return {side: _places(found) for side, found in rows.items()}


def _places(rows: list[list[str]]) -> Places:
    numbers = np.array([[float(cell or "nan") for cell in row[2:]] for row in rows], np.float64).reshape(len(rows), 6)
    return Places(
        names=[row[1] for row in rows],
        areas=numbers[:, 0].astype(np.int64),
        xy=numbers[:, 1:3],
        latlon=numbers[:, 3:5],
        positives=np.nan_to_num(numbers[:, 5]).astype(np.int64),
    )
