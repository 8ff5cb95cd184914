"""A small city, a locator without a network, and a client of the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fake_locator import FakeLocator
from mini import name_of, write_image

pytest.importorskip("fastapi")


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Twelve photos along a street, two at each place, 100 m from place to place."""
    folder = tmp_path_factory.mktemp("city")
    at = [(500_000.0 + 100 * place + 4 * side, place, side) for place in range(6) for side in range(2)]
    return [
        write_image(folder / name_of(east, tag=f"{east:.0f}"), place, (96, 128), 1 + side) for east, place, side in at
    ]


@pytest.fixture
def locator(city: list[Path]) -> FakeLocator:
    xy = np.array([[float(part) for part in path.name.split("@")[1:3]] for path in city])
    return FakeLocator(city, xy, zone="17 north")
