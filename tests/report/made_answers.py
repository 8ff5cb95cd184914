"""Answers made by hand: three of four photos can be read; one is answered, two are too unsure, one of them far off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mini import name_of, write_image

from geoloc.answers import Answers
from geoloc.earth import to_latlon
from geoloc.predictions import Predictions
from geoloc.report.answers.asked import Asked, Base

NORTH = 4_000_000.0
ZONE = "17 north"


def write_asked(folder: Path) -> Asked:
    base_xy = np.array([[540_000.0, NORTH], [540_010.0, NORTH], [541_000.0, NORTH]])
    xy = np.array([[540_004.0, NORTH], [540_010.0, NORTH], [541_000.0, NORTH]])
    names = [name_of(east) for east, _ in base_xy]
    for seed, name in enumerate(names):
        write_image(folder / "database" / name, seed=seed)
    for seed, name in enumerate(["a.jpg", "c.jpg", "d <b>.jpg"]):
        write_image(folder / "queries" / name, seed=seed)
    latlon = to_latlon(xy, np.full(3, ZONE))
    found = Predictions(
        np.array([[0, 1], [1, 0], [2, 0]]), np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], np.float32), 3
    )
    answers = Answers(
        names=["a.jpg", "c.jpg", "d <b>.jpg"],
        xy=xy,
        latlon=latlon,
        utm=xy,
        zones=np.full(3, ZONE),
        support=np.array([1.0, 1.0, 0.7]),
        spread=np.array([4.9, 0.0, 0.0]),
        confidence=np.array([0.9, 0.5, 0.25]),
        expected_error=np.array([6.0, 40.0, 900.0]),
        known=np.array([True, False, False]),
        predictions=found,
        threshold=0.8,
    )
    base = Base(folder / "database", names, base_xy, to_latlon(base_xy, np.full(3, ZONE)), base_xy, np.full(3, ZONE))
    truth = np.array([[540_004.0, NORTH + 3], [np.nan, np.nan], [900_000.0, NORTH]])
    errors = np.array([3.0, np.nan, 359_000.0])
    photos = ["a.jpg", "b.jpg", "c.jpg", "d <b>.jpg"]
    return Asked(folder / "queries", photos, {"b.jpg": "damaged"}, answers, base, errors, truth)
