"""How figures and pages tell distances."""

from __future__ import annotations


def length(meters: float, metres_per_frame: float | None = None) -> str:
    """Metres for a reader, or frames where the positions stand for frames and their metres for nothing else.

    Args:
        meters: Between two positions, or the median of several such.
        metres_per_frame: See `data.protocols.Protocol`.

    Example:
        >>> [length(m) for m in (0.4, 7.3, 24.6, 412.2, 1240.0, 84_000.0, 7_654_321.0)]
        ['0.4 m', '7.3 m', '25 m', '412 m', '1.2 km', '84 km', '7,654 km']
        >>> [length(m, 10.0) for m in (10.0, 25.0)]  # a median may lie between two frames
        ['1 frame', '2.5 frames']
    """
    if metres_per_frame is not None:
        frames = round(2 * meters / metres_per_frame) / 2
        return f"{frames:g} frame{'' if frames == 1 else 's'}"
    if meters < 9.95:
        return f"{meters:.1f} m"
    if meters < 999.5:
        return f"{meters:.0f} m"
    kilometres = meters / 1000
    return f"{kilometres:.1f} km" if kilometres < 9.95 else f"{kilometres:,.0f} km"
