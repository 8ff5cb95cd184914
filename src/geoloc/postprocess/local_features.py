"""Candidates by the local features that they share with the query in one geometry of two views.

SIFT: Lowe, Distinctive Image Features from Scale-Invariant Keypoints, IJCV 2004, with the ratio test. RootSIFT:
Arandjelović and Zisserman, Three Things Everyone Should Know to Improve Object Retrieval, CVPR 2012. MAGSAC++: Barath,
Noskova, Ivashechkin and Matas, MAGSAC++, a Fast, Reliable and Accurate Robust Estimator, CVPR 2020.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from geoloc.errors import InputError
from geoloc.postprocess.batches import check_above_zero, check_at_least
from geoloc.postprocess.chain import Evidence, Need

SEED = 0
MATCHES = 8  # a fundamental matrix is fitted to so many at least
KEPT = 1024  # database images whose features are kept: about 140 kB each with 1000 features


@dataclass(frozen=True)
class Keypoints:
    """What SIFT finds in one image.

    Args:
        points: (n, 2) float32, x and y in pixels of the image as it was shrunk.
        descriptors: (n, 128) uint8; OpenCV's values are whole numbers in 0..255.
    """

    points: np.ndarray
    descriptors: np.ndarray

    @property
    def roots(self) -> np.ndarray:
        """(n, 128) float32 RootSIFT, of unit length."""
        values = self.descriptors.astype(np.float32)
        return np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), 1))


class LocalFeatures:
    """Order by the number of inliers, most first; equal numbers keep the order as it came.

    Matches are RootSIFT features that are each other's nearest, and that pass the ratio test from query to database.
    Inliers are those that one fundamental matrix explains. A homography would hold for one facade only; a street has
    several and trees before them, and two photos of it were taken from different spots.

    An image without features, fewer than 8 matches, and matches that no matrix can be fitted to give 0 inliers.

    Args:
        depth: Candidates that are ordered anew.
        features: Features of an image, at most.
        size: Longer side in pixels; a larger image is shrunk to it, a smaller one stays.
        ratio: The nearest database feature must be nearer than this share of the distance to the second.
        threshold: An inlier lies within so many pixels of its epipolar line.

    Attributes:
        progress: Called as progress(queries done, queries) after each; None for nobody.

    Raises:
        ValueError: An argument is out of its range.
    """

    needs: ClassVar[tuple[Need, ...]] = ("photos",)

    def __init__(
        self, depth: int = 20, features: int = 1000, size: int = 640, ratio: float = 0.8, threshold: float = 3.0
    ) -> None:
        check_at_least(1, features=features)
        check_at_least(0, depth=depth)
        check_at_least(16, size=size)
        check_above_zero(ratio=ratio, threshold=threshold)
        if ratio > 1:
            raise ValueError(f"ratio must be at most 1, not {ratio}")
        self.depth: int | None = depth
        self.features, self.size, self.ratio, self.threshold = features, size, ratio, threshold
        self.progress: Callable[[int, int], None] | None = None

    def check_installed(self) -> None:
        """Refuse to start without OpenCV with an InputError."""
        _opencv()

    def __call__(self, candidates: np.ndarray, distances: np.ndarray, evidence: Evidence) -> np.ndarray:
        """See `Step`.

        Raises:
            InputError: OpenCV is not installed, or a photo cannot be read.
        """
        database, query = evidence.database_photo, evidence.query_photo
        read = evidence.read
        assert database is not None
        assert query is not None
        assert read is not None
        cv2 = _opencv()

        @lru_cache(maxsize=KEPT)  # neighbouring queries share candidates; for one call, as rows mean other images later
        def keypoints_of(row: int) -> Keypoints:
            return self._keypoints(cv2, read(database(row)))

        inliers = np.zeros(candidates.shape, np.int64)
        for row, listed in enumerate(candidates):  # photo by photo: their features do not fit in memory together
            own = self._keypoints(cv2, read(query(row)))
            inliers[row] = [self._inliers(cv2, own, keypoints_of(int(candidate))) for candidate in listed]
            if self.progress is not None:
                self.progress(row + 1, len(candidates))
        return np.argsort(-inliers, axis=1, kind="stable")

    def _keypoints(self, cv2: Any, image: np.ndarray) -> Keypoints:
        """The SIFT features of an (H, W, 3) uint8 RGB image."""
        height, width = image.shape[:2]
        shrink = self.size / max(height, width)
        if shrink < 1:
            smaller = max(1, round(width * shrink)), max(1, round(height * shrink))
            image = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
        found, descriptors = cv2.SIFT_create(nfeatures=self.features).detectAndCompute(grey, None)
        if not found:
            return Keypoints(np.empty((0, 2), np.float32), np.empty((0, 128), np.uint8))
        # At the border OpenCV keeps features of equal strength beyond the number asked for.
        points = np.array([point.pt for point in found], np.float32)
        return Keypoints(points[: self.features], descriptors[: self.features].astype(np.uint8))

    def _inliers(self, cv2: Any, query: Keypoints, database: Keypoints) -> int:
        """How many matches one fundamental matrix explains."""
        left, right = matches(query.roots, database.roots, self.ratio)
        if len(left) < MATCHES:
            return 0
        cv2.setRNGSeed(SEED)  # the same pair gives the same number whatever was matched before
        try:
            _, mask = cv2.findFundamentalMat(
                query.points[left], database.points[right], cv2.USAC_MAGSAC, self.threshold, 0.999, 1000
            )
        except cv2.error:  # matches on a line, or all in one spot
            return 0
        return 0 if mask is None else int(np.count_nonzero(mask))


def matches(query: np.ndarray, database: np.ndarray, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Features that are each other's nearest, where the second nearest database feature is clearly farther.

    Args:
        query: (n, D) float32 of unit length.
        database: (m, D) float32 of unit length.
        ratio: Of the distances to the nearest and the second nearest.

    Returns:
        Two (k,) int64 arrays, rows of the query and of the database; empty if either has fewer than 2 features.
    """
    if min(len(query), len(database)) < 2:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    apart = 2 - 2 * query @ database.T  # squared L2 distances
    left = np.arange(len(query))
    right = apart.argmin(axis=1)
    best, second = np.partition(apart, 1, axis=1)[:, :2].T
    kept = (apart.argmin(axis=0)[right] == left) & (best < ratio**2 * second)
    return left[kept], right[kept]


def _opencv() -> Any:
    try:
        import cv2
    except ImportError:
        raise InputError("postprocess: LocalFeatures needs OpenCV: pip install 'geoloc[match]'") from None
    return cv2
