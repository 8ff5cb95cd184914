"""Train a small day-to-night translator (pix2pix) on rendered streets, so that nothing has to be downloaded.

python scripts/train_translator.py --out night.pth

It sees views of streets by day and by night with the same camera and traffic. These streets belong to no split of any
demo city, whatever its seed. Beside OUT, in the published layout that scripts/translate.py reads, it writes
OUT.training.pth, from which the same command goes on (with more --steps: farther), and OUT.png: views of a street it
never trained on, by day, translated, and by night. The default took 0.3 to 0.4 seconds a step on
one core, and 0.015 on an H200 that fifteen other processes used.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from geoloc.backbones.files import read_content
from geoloc.data.demo_city.pairs import pairs_plan, render_pairs
from geoloc.data.progress import progress_bar
from geoloc.errors import InputError
from geoloc.translate.frames import translate_frame
from geoloc.translate.generators import check_device, load_generator
from geoloc.translate.pix2pix import Pix2Pix
from geoloc.translate.unet import UNet

FRAME = (240, 320)  # height and width of the demo city's pictures
# Deepest cells across a crop. With two, all lie at its border; in whole frames they do not. Early in training bright
# spots stand at the deepest cells; with two cells (depth 6) they stood all over the frames, with four far fewer did.
LEAST_CELLS = 3
HELD_OUT = 0  # number of the street that is never trained on
SHOWN = 6


def main() -> None:
    """Read the command line, train, and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--size", type=int, nargs=2, default=(128, 128), help="H W of the crops that it trains on")
    parser.add_argument("--width", type=int, default=32, help="channels of the first level; 64 in the paper")
    parser.add_argument("--depth", type=int, default=5, help="halvings; 8 in the paper")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--streets", type=int, default=16, help="to train on")
    parser.add_argument("--pairs", type=int, default=25, help="of each street")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-every", type=int, default=250, help="steps between two savings")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=Path("night.pth"))
    given = parser.parse_args()
    try:
        check(given)
        train(given)
        show(given)
    except InputError as error:
        parser.error(str(error))


def check(given: argparse.Namespace) -> None:
    """Refuse sizes that do not fit, and a device that is not there."""
    check_device(given.device)
    for name in ("steps", "width", "batch", "streets", "pairs", "save_every"):
        if getattr(given, name) < 1:
            raise InputError(f"--{name.replace('_', '-')} {getattr(given, name)}: must be at least 1")
    if given.seed < 0:
        raise InputError(f"--seed {given.seed}: must be at least 0")
    if given.out.suffix == ".png" or given.out.is_dir():
        raise InputError(f"--out {given.out}: must be a file for the generator, such as night.pth; the picture is .png")
    if given.depth < 2:
        raise InputError(f"--depth {given.depth}: must be at least 2")
    step = 2**given.depth
    for side, most in zip(given.size, FRAME, strict=True):
        least = max(LEAST_CELLS * step, 32)
        if side % step or not least <= side <= most:
            raise InputError(
                f"--size {side}: with --depth {given.depth} a crop's side must be a multiple of {step} from {least} to"
                f" {most}"
            )


def train(given: argparse.Namespace) -> None:
    """Train up to `--steps` and write the files; goes on from the file of an earlier call."""
    torch.manual_seed(given.seed)
    game = Pix2Pix(UNet(given.depth, given.width), given.width, given.seed, given.device)
    names = ("size", "width", "depth", "batch", "streets", "pairs", "seed")
    options = {name: _plain(getattr(given, name)) for name in names}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    going_on = given.out.with_suffix(".training.pth")
    if going_on.exists():
        _restore(game, going_on, options)
    if game.done >= given.steps:
        print(f"{going_on}: has {game.done} steps already; more are trained with --steps above that")
        if not given.out.exists():
            _save_generator(given.out, game)
        return
    pairs = render([HELD_OUT + 1 + street for street in range(given.streets)], given.pairs, given.seed)
    begin = game.done
    with progress_bar("training", unit="steps") as advance:
        advance(0, given.steps - begin)
        while game.done < given.steps:
            losses = game.step(pairs, tuple(given.size), given.batch)
            advance(game.done - begin, given.steps - begin)
            if game.done % given.save_every == 0 or game.done == given.steps:
                _save(going_on, {"options": options, **game.state()})
                _save_generator(given.out, game)
    print(f"{given.out}: step {game.done}, " + ", ".join(f"{name} {value:.3f}" for name, value in losses.items()))


def render(streets: list[int], pairs: int, seed: int) -> torch.Tensor:
    """(P, 2, 3, 240, 320) uint8: the pairs of some streets."""
    plan = pairs_plan(pairs, *FRAME)
    found = []
    with progress_bar("rendering streets", unit="streets") as advance:
        advance(0, len(streets))
        for done, street in enumerate(streets, 1):
            found += [np.stack(pair) for pair in render_pairs(plan, seed, street)]
            advance(done, len(streets))
    return torch.from_numpy(np.stack(found)).permute(0, 1, 4, 2, 3).contiguous()


def show(given: argparse.Namespace) -> None:
    """Translate whole frames of the held-out street, measure, and draw them."""
    day, night = render([HELD_OUT], SHOWN, given.seed).unbind(1)
    translated = translate_frame(load_generator(given.out, given.device), day)
    sheet = torch.cat([day, translated, night], 3).permute(0, 2, 3, 1).flatten(0, 1)
    Image.fromarray(sheet.numpy()).save(given.out.with_suffix(".png"))
    before, after = (float((images.float() - night.float()).abs().mean()) for images in (day, translated))
    print(
        f"{given.out.with_suffix('.png')}: day | translated | night of a street that was not trained on;"
        f" mean distance to the night {before:.1f} of 255 before, {after:.1f} after translation"
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _restore(game: Pix2Pix, path: Path, options: dict[str, Any]) -> None:
    saved = read_content(path)
    if not isinstance(saved, dict) or "options" not in saved:
        raise InputError(f"{path}: is not of this script; name another --out")
    differ = [name for name in options if saved["options"].get(name) != options[name]]
    if differ:
        said = ", ".join(f"{name} {saved['options'].get(name)}" for name in differ)
        raise InputError(f"{path}: was begun with {said}; give the same, or name another --out")
    game.restore(saved)
    print(f"going on from step {game.done}")


def _save_generator(path: Path, game: Pix2Pix) -> None:
    _save(path, {name: value.cpu() for name, value in game.generator.state_dict().items()})


def _save(path: Path, content: dict[str, Any]) -> None:
    part = path.with_name(f".{path.name}.part")
    torch.save(content, part)
    part.replace(path)


if __name__ == "__main__":
    main()
