"""Night twins of training queries: translated copies that lie in a cache folder beside the queries.

The twin of `<data set>/images/train/queries/<name>` is `<data set>/images/train/queries_translated/<name>`, written by
`scripts/translate.py` as JPEG of quality 95 without chroma subsampling: PNG took two to three times the space for
translated views of the demo city, and the mean error of JPEG there, 2 of 255 grey levels, is below the noise of a night
photo. A name that does not end in .jpg or .jpeg has .jpg added, so that no two photos share a twin.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from geoloc.errors import InputError

DEFAULT_FOLDER = "queries_translated"
TRAIN = "train"


class Twins:
    """Draws, for a training query, its photo or its night twin.

    Randomness is torch's, as in `augment`: the dataset seeds it for each image.

    Args:
        p: Probability of the twin, 0 to 1.
        folder: Name of the twins' folder, beside the folder of the queries.
        queries: Name of the folder of the queries.

    Raises:
        ValueError: A probability outside of 0..1.
        InputError: A folder that is not the name of another folder.
    """

    def __init__(self, p: float, folder: str = DEFAULT_FOLDER, queries: str = "queries") -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"p must lie in 0..1, not {p}")
        check_folder(folder, queries)
        self.p, self.folder, self.queries = p, folder, queries

    def __call__(self, path: str) -> str:
        """The file to read for the training query `path`: with probability `p` its twin."""
        # Drawn whatever p is, so that the draws after it do not depend on p.
        return self.twin(path) if float(torch.rand(())) < self.p else path

    def twin(self, path: str) -> str:
        """Where the twin of a training query lies, whether it exists or not.

        Raises:
            InputError: The photo is no training query of a data set in the field's layout.
        """
        split, photo = self._split(path)
        return str(split / self.folder / photo.parent / twin_name(photo.name))

    def check(self, paths: Sequence[str]) -> None:
        """Refuse to train while twins are missing; the day photo would take their place unnoticed.

        Args:
            paths: All training queries.

        Raises:
            InputError: Says how many are missing and how they are made.
        """
        if self.p == 0 or not len(paths):
            return
        missing = [path for path in paths if not Path(self.twin(path)).is_file()]
        if missing:
            split = self._split(missing[0])[0]
            options = "" if self.folder == DEFAULT_FOLDER else f" --out {self.folder}"
            options += "" if self.queries == "queries" else f" --queries {self.queries}"
            raise InputError(
                f"{split / self.folder}: {len(missing)} of {len(paths)} training queries have no night twin; make them"
                f" with: python scripts/translate.py GENERATOR {split.parents[1]}{options}"
            )

    def _split(self, path: str) -> tuple[Path, Path]:
        """Folder of the split, and the photo's path below the folder of the queries."""
        parts = Path(path).parts
        # The last `train/queries` on the way to the photo, so that the data set may lie anywhere.
        for row in range(len(parts) - 2, 0, -1):
            if parts[row - 1 : row + 1] == (TRAIN, self.queries):
                return Path(*parts[:row]), Path(*parts[row + 1 :])
        raise InputError(f"{path}: only photos below {TRAIN}/{self.queries} have night twins")


def check_folder(folder: str, queries: str) -> None:
    """Refuse a folder of twins that does not lie beside the queries, or is one of a split's own.

    Raises:
        InputError: Names the folder.
    """
    if Path(folder).name != folder or folder in ("", "..", "database", queries):
        raise InputError(f"the twins' folder must be the name of a new folder beside {queries!r}, not {folder!r}")


def twin_name(name: str) -> str:
    """File name of the twin of a photo.

    Example:
        >>> twin_name("@1@2@.jpg"), twin_name("b.JPEG"), twin_name("c.png")
        ('@1@2@.jpg', 'b.JPEG', 'c.png.jpg')
    """
    return name if Path(name).suffix.lower() in (".jpg", ".jpeg") else f"{name}.jpg"
