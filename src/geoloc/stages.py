"""Where the time of a run goes: seconds summed by stage, and their shares, which add up to 100 %."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

# Stage -> (the group it is told in, what it is called there; "" for what needs no word of its own).
STAGES = {
    "preparation": ("preparation", ""),
    "training/steps": ("training", ""),
    "training/waiting": ("training", "waiting for images"),
    "mining/describing": ("mining", "describing"),
    "mining/choosing": ("mining", "choosing"),
    "validation/describing": ("validation", "describing"),
    "validation/searching": ("validation", "searching"),
    "test/describing": ("test", "describing"),
    "test/searching": ("test", "searching"),
    "checkpoints": ("checkpoints", ""),
    "rest": ("the rest", ""),
}


class Stopwatch:
    """Gives every moment since its making to exactly one stage: at the end of a piece of work it is told whose it was.

    Args:
        now: Tells the time in seconds.

    Attributes:
        seconds: Stage -> sum of what has been booked so far.
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self.now = now
        self.last = now()
        self.seconds: dict[str, float] = {}

    def book(self, stage: str) -> None:
        """The time since the last booking was of this stage, one of `STAGES`."""
        if stage not in STAGES:
            raise KeyError(f"{stage}: not among {', '.join(STAGES)}")
        now = self.now()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self.last
        self.last = now

    def since(self, before: Mapping[str, float]) -> dict[str, float]:
        """Stage -> seconds booked since there were only those in `before`, of the stages that have got some."""
        gained = {stage: value - before.get(stage, 0.0) for stage, value in self.seconds.items()}
        return {stage: value for stage, value in gained.items() if value > 0}


def shares(seconds: Mapping[str, float], digits: int = 1) -> dict[str, float]:
    """Percent of each stage, rounded so that they still add up to 100.

    Args:
        seconds: Of each stage.
        digits: After the point.

    Returns:
        In the order of `STAGES`; empty if no time has passed.

    Example:
        >>> shares({"training/steps": 1.0, "test/searching": 1.0, "rest": 1.0})
        {'training/steps': 33.4, 'test/searching': 33.3, 'rest': 33.3}
    """
    whole = sum(seconds.values())
    if whole <= 0:
        return {}
    steps = 100 * 10**digits
    exact = {stage: steps * seconds[stage] / whole for stage in STAGES if stage in seconds}
    rounded = {stage: int(value) for stage, value in exact.items()}
    # Those that lost most by rounding down get the steps that are missing; of equals the first.
    by_loss = sorted(exact, key=lambda stage: rounded[stage] - exact[stage])
    for stage in by_loss[: steps - sum(rounded.values())]:
        rounded[stage] += 1
    return {stage: count / 10**digits for stage, count in rounded.items()}


def grouped(percent: Mapping[str, float]) -> dict[str, tuple[float, dict[str, float]]]:
    """Group -> (its percent, {what part of it: percent}), in the order of `STAGES`.

    Example:
        >>> grouped({"training/steps": 32, "training/waiting": 9, "rest": 59})
        {'training': (41, {'waiting for images': 9}), 'the rest': (59, {})}
    """
    groups: dict[str, tuple[float, dict[str, float]]] = {}
    for stage, (group, part) in STAGES.items():
        if stage in percent:
            whole, parts = groups.get(group, (0, {}))
            groups[group] = (whole + percent[stage], parts | ({part: percent[stage]} if part else {}))
    return groups


def told(seconds: Mapping[str, float], inside: str = "") -> str:
    """The shares in words, in whole percents; groups without one are left out.

    Args:
        seconds: Of each stage.
        inside: A group that all of this is about, whose parts stand for themselves.

    Example:
        >>> told({"training/steps": 6.4, "training/waiting": 1.8, "mining/describing": 7.0, "mining/choosing": 4.8})
        '41 % training (9 % waiting for images), 59 % mining (35 % describing, 24 % choosing)'
        >>> told({"test/describing": 9.0, "test/searching": 0.8, "rest": 0.2}, inside="test")
        '90 % describing, 8 % searching, 2 % the rest'
    """
    words = []
    for group, (whole, parts) in grouped(shares(seconds, 0)).items():
        inner = ", ".join(f"{part:.0f} % {name}" for name, part in parts.items())
        if group == inside:
            words.append(inner)
        elif whole:
            words.append(f"{whole:.0f} % {group}" + (f" ({inner})" if inner else ""))
    return ", ".join(words)
