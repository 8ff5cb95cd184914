"""p-values of several tests at once, corrected so that one false alarm among all of them is as rare as in one test.

Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979. It holds
however the tests depend on each other, as those of one domain at several N do.
"""

from __future__ import annotations

from collections.abc import Sequence


def holm(ps: Sequence[float]) -> list[float]:
    """Corrected p-values, in the same order.

    The least of m is multiplied by m, the next by m - 1, and so on; none becomes less than one before it, or above 1.

    Args:
        ps: p-values of tests that are read together.

    Example:
        >>> holm([0.25, 0.125, 0.5])
        [0.5, 0.375, 0.5]
    """
    corrected = [1.0] * len(ps)
    largest = 0.0
    for before, index in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        largest = max(largest, min(1.0, (len(ps) - before) * ps[index]))
        corrected[index] = largest
    return corrected
