"""What several steps share: work in batches of queries, and the checks of their arguments."""

from __future__ import annotations

from collections.abc import Iterator

BUDGET = 8_000_000  # numbers that the largest arrays of a batch hold together


def batches(queries: int, each: int, budget: int | None = None) -> Iterator[slice]:
    """Slices of the queries, so that a batch holds about `budget` numbers; at least one query each.

    Args:
        queries: Q.
        each: Numbers that one query needs.
        budget: Numbers of a batch; `BUDGET` by default.

    Example:
        >>> list(batches(5, BUDGET // 2))
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    size = max(1, (budget or BUDGET) // max(1, each))
    for start in range(0, queries, size):
        yield slice(start, min(start + size, queries))


def check_at_least(least: float, **values: float | None) -> None:
    """Refuse arguments below `least`; None passes.

    Raises:
        ValueError: It names the argument.
    """
    for name, value in values.items():
        if value is not None and not value >= least:
            raise ValueError(f"{name} must be at least {least}, not {value}")


def check_above_zero(**values: float) -> None:
    """Refuse arguments that are not positive.

    Raises:
        ValueError: It names the argument.
    """
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be above 0, not {value}")


def check_share(**values: float) -> None:
    """Refuse arguments outside of 0..1.

    Raises:
        ValueError: It names the argument.
    """
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must lie in 0..1, not {value}")
