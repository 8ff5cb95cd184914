"""What the page says at its top: how many photos, which network, calibrated on what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from geoloc.demo.answer import fitted_on

if TYPE_CHECKING:
    from geoloc.locator import Locator


@dataclass(frozen=True)
class About:
    """Sentences.

    Attributes:
        loaded: The database and the network.
        calibrated: Where confidences come from, or why there are none.
        examples: Where the examples come from.
    """

    loaded: str
    calibrated: str
    examples: str


def about(locator: Locator, database: str, own: bool) -> About:
    """Say what is loaded.

    Args:
        locator: That answers.
        database: What the database is called.
        own: Whether the examples are photos of the database.
    """
    index, spec = locator.index, locator.net.spec
    parts = [_name(spec[part]["_target_"]) for part in ("backbone", "aggregator") if part in spec]
    network = " with ".join(parts) or "a network"
    loaded = f"{len(index):,} photos of {database}, described by {network} ({index.dim:,} values each)."
    if locator.calibration is None:
        calibrated = (
            "Not calibrated: answers come without a confidence; task=test calibrate=true measures on labelled photos"
            " how sure they are."
        )
    else:
        facts = locator.calibration.fitted_on
        number = f"{facts['queries']:,} labelled photos of " if "queries" in facts else ""
        right = f"an answer within {locator.radius:g} m is right"
        calibrated = f"Confidences are calibrated on {number}{fitted_on(facts)}: {right}."
    told = "Photos of the database; each is left out of the search for itself." if own else "Photos from queries."
    return About(loaded, calibrated, told)


def _name(target: str) -> str:
    """The class of a part, such as NetVLAD."""
    return target.rpartition(".")[2]
