"""Write the night twins of a data set's training queries, for training with `translated` augmentation.

python scripts/translate.py GENERATOR DATASET_FOLDER

Twins lie in DATASET_FOLDER/images/train/queries_translated under the names of the queries, whole and of the same size
as the photos. A run that was stopped goes on where it was. GENERATOR is a state dict of the published pix2pix layout
(such as day2night.pth, or what scripts/train_translator.py writes), TorchScript, a torch.export archive, or ONNX. The
published ones were trained on 256 x 256 pixels: look at a few twins with and without --size 256 before all are made.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import torch

from geoloc.data.progress import progress_bar
from geoloc.data.twins import DEFAULT_FOLDER, TRAIN, check_folder
from geoloc.errors import InputError
from geoloc.places import SPLITS
from geoloc.translate.cache import fill, manifest_of
from geoloc.translate.frames import translate_frame
from geoloc.translate.generators import load_generator


def main() -> None:
    """Read the command line and write the twins."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generator", type=Path, help="file of the day-to-night network")
    parser.add_argument("dataset", type=Path, help="folder that holds images/train/queries")
    parser.add_argument("--split", choices=SPLITS, default=TRAIN)
    parser.add_argument("--unscored", action="store_true", help="allow --split val or test; never for a reported score")
    parser.add_argument("--queries", default="queries", help="name of the folder of queries")
    parser.add_argument("--out", default=DEFAULT_FOLDER, help="name of the folder of twins beside it")
    parser.add_argument("--size", type=int, nargs="+", help="H W (or one number for both) to work at; by default full")
    parser.add_argument("--batch", type=int, default=1, help="photos of one size at once")
    parser.add_argument(
        "--statistics",
        choices=("running", "image"),
        default="running",
        help="of batch normalisation in a state dict: of its training, or of each image as in the pix2pix paper",
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    try:
        write_twins(given)
    except InputError as error:
        parser.error(str(error))


def write_twins(given: argparse.Namespace) -> None:
    """Check what was given, and fill the folder."""
    split = given.dataset / "images" / given.split
    if given.split != TRAIN and not given.unscored:
        raise InputError(
            f"--split {given.split}: translations belong to training alone (scores on them would judge the generator);"
            " to look at some anyway, add --unscored"
        )
    check_folder(given.out, given.queries)
    if given.batch < 1:
        raise InputError(f"--batch {given.batch}: must be at least 1")
    size = _size(given.size)
    generator = load_generator(given.generator, given.device, given.statistics)
    manifest = manifest_of(given.generator, size=size, statistics=given.statistics)
    translate = partial(translate_frame, generator, size=size and (size[0], size[1]))
    twins = split / given.out
    with progress_bar("translating") as advance:
        written = fill(split / given.queries, twins, translate, manifest, given.batch, advance)
    print(f"{twins}: {written} twins written")


def _size(numbers: list[int] | None) -> list[int] | None:
    """[height, width]; a list, as the manifest gives it back."""
    if numbers is None:
        return None
    if len(numbers) > 2 or min(numbers) < 1:
        raise InputError("--size takes height and width in pixels, or one number for both")
    return [numbers[0], numbers[-1]]


if __name__ == "__main__":
    main()
