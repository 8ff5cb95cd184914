"""The one metric frame that all positions of an index are in, and back from it to what people read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from geoloc import earth
from geoloc.frames import one_frame


@dataclass(frozen=True)
class Frame:
    """A metric frame.

    Attributes:
        coordinates: "utm": metres of one zone; "local": of any plane; "earth": see `earth.in_one_frame`.
        zone: Of "utm", such as "17 north"; empty where nobody says it, or not its hemisphere.
    """

    coordinates: Literal["utm", "local", "earth"]
    zone: str = ""

    def latlon(self, xy: np.ndarray) -> np.ndarray:
        """Latitude and longitude of places.

        Args:
            xy: (n, A) float64 metres in this frame; A is 3 in "earth", else 2.

        Returns:
            (n, 2) float64 degrees (WGS 84); NaN where it is not known where on the earth the frame lies. Of the frame
            "earth" right to a metre or so, as `earth.on_surface` says.
        """
        if self.coordinates == "earth":
            return earth.surface_latlon(xy)
        if not self.zone:
            return np.full((len(xy), 2), np.nan)
        return earth.to_latlon(xy, np.full(len(xy), self.zone))

    def utm(self, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """UTM coordinates of places.

        Args:
            xy: (n, A) float64 metres in this frame.

        Returns:
            (n, 2) float64 (easting, northing) in metres, and (n,) str zones such as "17 north"; of a local frame NaN
            and empty zones, and of UTM whose zone nobody says its metres and empty zones.
        """
        if self.coordinates == "utm":
            return xy, np.full(len(xy), self.zone)
        if self.coordinates == "local":
            return np.full((len(xy), 2), np.nan), np.full(len(xy), "")
        return earth.from_latlon(earth.surface_latlon(xy))


def framed(xy: np.ndarray, zones: np.ndarray, coordinates: str, where: Path) -> tuple[np.ndarray, Frame]:
    """Positions in one frame.

    Args:
        xy: (N, 2) float64 metres, each in its own zone.
        zones: (N,) str, see `PlaceSet`.
        coordinates: "utm" or "local".
        where: They come from, for messages.

    Returns:
        (N, A) float64 metres and their frame.

    Raises:
        InputError: They lie in several UTM zones, and of some it is not said in which.
    """
    if coordinates == "local":
        return xy, Frame("local")
    found, frame = one_frame(xy, zones, where)
    return found, Frame(frame, zone_of(zones) if frame == "utm" else "")


def zone_of(zones: np.ndarray) -> str:
    """The zone that all of (N,) zones are, with its hemisphere; empty if none says it."""
    return next((str(zone) for zone in np.unique(zones) if " " in str(zone)), "")
