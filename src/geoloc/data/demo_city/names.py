"""File names that carry position, heading and time."""

import utm

from .plan import Shot

ZONE = 32


def file_name(shot: Shot) -> str:
    """Name of a picture: fourteen fields between @ signs, easting and northing first."""
    latitude, longitude = utm.to_latlon(shot.recorded_east, shot.recorded_north, ZONE, northern=True)
    fields = [
        f"{shot.recorded_east:010.2f}",
        f"{shot.recorded_north:010.2f}",
        f"{ZONE}",
        utm.latitude_to_zone_letter(latitude),
        f"{latitude:.5f}",
        f"{longitude:.5f}",
        shot.pano,
        f"{shot.tile:02d}",
        f"{round(shot.heading) % 360:03d}",
        "",  # pitch, roll and height are not recorded
        "",
        "",
        shot.timestamp,
        "night" if shot.kind == "queries_night" else "day",
    ]
    return f"@{'@'.join(fields)}@.jpg"
