"""UTM positions that may lie in several zones, brought into one frame."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from geoloc.earth import in_one_frame
from geoloc.errors import InputError


def one_frame(xy: np.ndarray, zones: np.ndarray, root: Path) -> tuple[np.ndarray, Literal["utm", "earth"]]:
    """UTM positions in one frame: as they are if they lie in one zone, else see `earth.in_one_frame`.

    Args:
        xy: (N, 2) float64 (easting, northing) in metres, each in its own zone.
        zones: (N,) str, see `geoloc.places.PlaceSet`.
        root: Where they come from, for messages.

    Returns:
        (N, 2) or (N, 3) float64 metres, and the name of the frame.

    Raises:
        InputError: Positions lie in several zones, and of some it is not said in which.
    """
    return (xy, "utm") if one_zone(zones) else (in_one_frame(xy, _filled(zones, root)), "earth")


def one_zone(zones: np.ndarray) -> bool:
    """Whether all (N,) str zones may be one; one without a band letter does not say the hemisphere."""
    known = {tuple(str(zone).split()) for zone in np.unique(zones) if zone}
    return len({zone[0] for zone in known}) <= 1 and len({zone[1] for zone in known if len(zone) > 1}) <= 1


def check_zones(zones: np.ndarray, root: Path) -> None:
    """Refuse zones that cannot be put into one frame; see `one_frame`."""
    if not one_zone(zones):
        _filled(zones, root)


def _filled(zones: np.ndarray, root: Path) -> np.ndarray:
    """(N,) str zones with a hemisphere each: what their names say, or other images of the same zone."""
    names = sorted({str(zone) for zone in zones})
    where = f"{root}: images lie in several UTM zones ({', '.join(name for name in names if name)})"
    if not names[0]:
        unsaid = int((zones == "").sum())
        raise InputError(f"{where}, and {unsaid} do not say in which; fields 3 and 4 of a name say it")
    halves = {name: {other for other in names if other.startswith(f"{name} ")} for name in names}
    unclear = [name for name in names if " " not in name and len(halves[name]) != 1]
    if unclear:
        raise InputError(f"{where}: {unclear[0]} may be north or south; field 4 of a name, the band letter, says it")
    return np.array([zone if " " in zone else next(iter(halves[zone])) for zone in zones.tolist()])
