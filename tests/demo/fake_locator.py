"""A locator without a network: photos are alike if their small grey copies are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from geoloc.answers import Answers
from geoloc.data.images import read_image
from geoloc.place_index.frame import Frame
from geoloc.predictions import Predictions


def describe(photo: Path | np.ndarray) -> np.ndarray:
    image = Image.fromarray(photo) if isinstance(photo, np.ndarray) else read_image(photo)
    grey = np.asarray(image.convert("L").resize((16, 12), Image.Resampling.BOX), np.float32).ravel()
    grey -= grey.mean()
    return grey / (np.linalg.norm(grey) + 1e-6)


class FakeIndex(SimpleNamespace):
    def __len__(self) -> int:
        return len(self.ids)


class FakeLocator:
    """What the page needs of `geoloc.locator.Locator`, for positions in one UTM zone or a local frame."""

    radius = 25.0
    precision = 0.9
    threshold: float | None = None

    def __init__(self, paths: Sequence[Path], xy: np.ndarray, zone: str = "32 north", k: int = 5) -> None:
        self.k = self.voters = min(k, len(paths) - 1)
        self.index = FakeIndex(
            xy=xy,
            ids=[path.name for path in paths],
            paths=[str(path) for path in paths],
            times=["2024-06-12"] * len(paths),
            frame=Frame("utm" if zone else "local", zone),
            coordinates="utm" if zone else "local",
            dim=192,
        )
        parts = {"backbone": "geoloc.backbones.resnet.ResNet", "aggregator": "geoloc.aggregators.gem.GeM"}
        self.net = SimpleNamespace(spec={part: {"_target_": target} for part, target in parts.items()})
        self.vectors = np.stack([describe(path) for path in paths])
        self.calibration: SimpleNamespace | None = None
        self.asked: list[object] = []

    def calibrate(self, threshold: float | None) -> FakeLocator:
        """From now on half the support is the confidence, and ten times its complement the expected error."""
        self.calibration = SimpleNamespace(fitted_on={"domains": ["val_city"], "queries": 120, "radius_m": 25.0})
        self.threshold = threshold
        return self

    def locate(self, photo: object, *, without: Sequence[int] | None = None) -> Answers:
        self.asked.append(photo)
        distances = np.linalg.norm(self.vectors - describe(photo), axis=1)
        if without is not None:
            distances[list(without)] = np.inf
        ids = np.argsort(distances, kind="stable")[: self.k]
        xy = self.index.xy[ids[:1]]
        support = np.mean(np.linalg.norm(self.index.xy[ids] - xy, axis=1) <= self.radius, keepdims=True)
        unknown = np.full(1, np.nan)
        sure = support if self.calibration else unknown
        frame = self.index.frame
        latlon, zones = frame.latlon(xy), np.array([frame.zone])
        known = sure >= (np.inf if self.threshold is None else self.threshold) if self.calibration else np.ones(1, bool)
        found = Predictions(ids[None], distances[ids][None].astype(np.float32), len(distances))
        return Answers(
            ["photo 1"], xy, latlon, xy, zones, support, unknown, sure, 10 * (1.5 - sure), known, found, self.threshold
        )
