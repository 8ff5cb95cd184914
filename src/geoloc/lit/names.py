"""Names of metrics that every logger takes: parts of letters, digits and underscores, joined by `/`."""

from __future__ import annotations

from collections.abc import Iterable

from geoloc.data.domains import metric_name


def metric_parts(texts: Iterable[str]) -> dict[str, str]:
    """Text -> its part of a metric's name; different texts get different parts.

    Args:
        texts: Names of domains, or conditions of one domain.

    Example:
        >>> metric_parts(["day", "24/7", "heavy rain", "heavy_rain"])
        {'day': 'day', '24/7': '_24_7', 'heavy rain': 'heavy_rain', 'heavy_rain': 'heavy_rain_2'}
    """
    parts: dict[str, str] = {}
    for text in texts:
        name, number = metric_name(text), 1
        while name in parts.values():
            number += 1
            name = f"{metric_name(text)}_{number}"
        parts.setdefault(text, name)
    return parts
