"""What a data set will be: for each side of each split the photos, where they lie now and what their names will say."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import utm

from geoloc.data.zones import split_zone


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo of a raw set.

    Attributes:
        source: The file.
        east: UTM easting in metres.
        north: UTM northing in metres.
        zone: UTM zone with its band letter, such as "17T"; empty if unknown.
        lat: Degrees; None: computed from the zone where it is known.
        lon: Likewise.
        pano: Identifies the panorama or frame that the photo was cut from.
        tile: Number of the cut.
        heading: Degrees clockwise from north.
        pitch: Degrees upwards.
        roll: Degrees.
        height: Metres.
        time: `YYYYMMDD_hhmmss`, or a beginning of it.
        note: Such as "night_forward_cph".
        subfolder: Below the side's folder, such as a city.
        shorter: Pixels that the shorter side is shrunk to, if it is longer; None: as it is.
        jpeg: Stored anew as JPEG (any photo that is shrunk is).
        path: Below the side's folder, of a photo whose name is in the layout already; empty: made of the fields above.
        frame: Number of the frame, from 0, if the file is a video.
    """

    source: Path
    east: float
    north: float
    zone: str = ""
    lat: float | None = None
    lon: float | None = None
    pano: str = ""
    tile: str = ""
    heading: float | None = None
    pitch: float | None = None
    roll: float | None = None
    height: float | None = None
    time: str = ""
    note: str = ""
    subfolder: str = ""
    shorter: int | None = None
    jpeg: bool = False
    path: str = ""
    frame: int | None = None

    @property
    def converted(self) -> bool:
        """Whether the file is made anew instead of linked or copied."""
        return self.jpeg or self.shorter is not None or self.frame is not None


@dataclass(frozen=True)
class Plan:
    """A whole data set.

    Attributes:
        name: Of its folder.
        sides: "test/queries" and the like -> photos.
        published: The same keys -> numbers of photos that are published; nothing for those that are not.
        notes: One line each for the summary: what was left out and why, with numbers.
        options: What the plan depends on besides the raw set; an unfinished set is only continued under the same.
        files: Path below the set's folder -> text of a file that is written beside the photos.
        raw: Folder that the set must not be written into; None: any will do.
    """

    name: str
    sides: dict[str, list[Photo]]
    published: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    raw: Path | None = None


def relative_path(photo: Photo) -> str:
    """Where a photo goes below its side's folder, in the layout of the field.

    Example:
        >>> relative_path(Photo(Path("a.JPG"), 584000.5, 4476000, "17T", 40.43, -80.01, pano="a/b", heading=90))
        '@0584000.50@4476000.00@17@T@040.43000@-080.01000@a-b@@090@@@@@@.jpg'
    """
    if photo.path:
        return photo.path
    number, letter = _split_zone(photo.zone)
    lat, lon = photo.lat, photo.lon
    if (lat is None or lon is None) and letter:
        lat, lon = utm.to_latlon(photo.east, photo.north, int(number), letter, strict=False)
    fields = [
        f"{photo.east:010.2f}",
        f"{photo.north:010.2f}",
        number,
        letter,
        "" if lat is None else f"{lat:09.5f}",
        "" if lon is None else f"{lon:010.5f}",
        _text(photo.pano),
        _text(photo.tile),
        _degrees(None if photo.heading is None else round(photo.heading) % 360),
        _degrees(photo.pitch),
        "" if photo.roll is None else f"{photo.roll:g}",
        "" if photo.height is None else f"{photo.height:g}",
        _text(photo.time),
        _text(photo.note),
    ]
    extension = ".jpg" if photo.converted else photo.source.suffix.lower()
    name = f"@{'@'.join(fields)}@{extension}"
    return f"{_text(photo.subfolder)}/{name}" if photo.subfolder else name


def _split_zone(zone: str) -> tuple[str, str]:
    """("17", "T") of "17T"; empty texts of an empty one."""
    parts = split_zone(zone)
    if zone and not parts:
        raise ValueError(f"{zone!r} is no UTM zone such as 17T")
    return (f"{int(parts[0]):02d}", parts[1]) if parts else ("", "")


def _text(text: str) -> str:
    """Text that can be a field of a file name."""
    return re.sub(r"[^\w.+-]", "-", text)


def _degrees(value: float | None) -> str:
    return "" if value is None else f"{round(value):03d}"
