"""What was asked and what came of it: the photos, the answers to those that can be read, and where they truly were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from geoloc.answers import Answers

Status = Literal["answered", "unknown", "unreadable"]


@dataclass(frozen=True)
class Base:
    """The database, as the files name it.

    Attributes:
        root: Folder that the names are relative to.
        names: (N,) str, relative paths, or absolute ones of photos elsewhere.
        xy: (N, A) float64 metres, in its frame.
        latlon: (N, 2) float64 degrees; NaN where they are not known.
        utm: (N, 2) float64 easting and northing.
        zones: (N,) str UTM zones; empty where not known.
        local: Positions are in a local frame.
    """

    root: Path
    names: Sequence[str]
    xy: np.ndarray
    latlon: np.ndarray
    utm: np.ndarray
    zones: np.ndarray
    local: bool = False


@dataclass(frozen=True)
class Asked:
    """Photos and their answers.

    Attributes:
        root: Folder that the names are relative to.
        names: Of all P photos, in order.
        unreadable: Name -> why it cannot be read. All others have a row in `answers`, in the same order.
        answers: Of the Q readable photos.
        base: The database.
        errors: (Q,) float64 metres from the answer to where the photo says that it was taken; NaN where it does not.
        truth: (Q, 2) float64 metres, that place in the frame of `base`; NaN likewise.
    """

    root: Path
    names: Sequence[str]
    unreadable: dict[str, str]
    answers: Answers
    base: Base
    errors: np.ndarray
    truth: np.ndarray

    def status(self, row: int) -> Status:
        """Of the photo in a row of `answers`."""
        return "answered" if self.answers.known[row] else "unknown"

    def counts(self) -> dict[Status, int]:
        """Photos of each status."""
        known = int(self.answers.known.sum())
        return {"answered": known, "unknown": len(self.answers) - known, "unreadable": len(self.unreadable)}
