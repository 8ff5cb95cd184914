"""How UTM zones are called, from what names and tables say of them."""

from __future__ import annotations

import re


def split_zone(text: str) -> tuple[str, str] | None:
    """Number and band letter of a zone as it is written in one word; None of what is no zone.

    Example:
        >>> split_zone("17T"), split_zone("7"), split_zone("17I")
        (('17', 'T'), ('7', ''), None)
    """
    found = re.fullmatch(r"(\d{1,2})([C-HJ-NP-X]?)", text)
    return (found[1], found[2]) if found else None


def zone_name(number: str, band: str, north: float | None = None) -> str:
    """How `PlaceSet` calls a UTM zone; empty if the number says none.

    The hemisphere stays unsaid without a letter of a band, and by an S outside of band S (32 to 40 degrees north): some
    write it for south.

    Args:
        number: Of the zone.
        band: Its letter.
        north: Northing in metres, where it is known.

    Example:
        >>> zone_name("17", "T"), zone_name("56", "H"), zone_name("7", ""), zone_name("", "")
        ('17 north', '56 south', '7', '')
        >>> zone_name("18", "S", 4_422_408.0), zone_name("56", "S", 6_250_000.0)
        ('18 north', '56')
    """
    if not (number.isdigit() and 1 <= int(number) <= 60):
        return ""
    if not re.fullmatch("[C-HJ-NP-X]", band.upper()) or (band in "Ss" and north is not None and not _in_band_s(north)):
        return str(int(number))
    return f"{int(number)} {'north' if band.upper() >= 'N' else 'south'}"


def _in_band_s(north: float) -> bool:
    """Whether a northing lies between 32 and 40 degrees north; a zone is up to 5 km higher at its borders."""
    return 3_535_000 <= north <= 4_440_000
