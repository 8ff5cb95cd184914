"""Writes the city to disk: locking, resuming, worker processes."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from filelock import FileLock
from PIL import Image

from geoloc.textfiles import write_whole

from .builder import build_street
from .names import file_name
from .plan import CityPlan, Shot, default_plan, find_site, generator, plan_shots
from .shoot import take_shot

VERSION = 4
_DONE, _RENDERING = "demo_city.json", ".rendering"
_KINDS = ("database", "queries", "queries_night")
_QUALITY = 90
_MOST_WORKERS = 8

Progress = Callable[[int, int], None]


def render_demo_city(
    root: str | Path, *, seed: int = 0, scale: int = 1, workers: int | None = None, progress: Progress | None = None
) -> Path:
    """Render the demo city into a folder unless it is there already.

    The city is fictional: streets with individual facades, seen by day for the database and by day and night for the
    queries. The same seed, scale and version give the same files, whatever the number of workers. A rendering that
    was interrupted goes on where it stopped; one of another version, seed or scale is replaced.

    Args:
        root: Folder of the city; holds `images/{train,val,test}/...` and `demo_city.json` afterwards.
        seed: Which city.
        scale: 1 for about 1,900 pictures, n for n times as many streets.
        workers: Number of processes; the number of processors, at most 8, when None.
        progress: Called as progress(done, total) with numbers of pictures.

    Returns:
        The folder as a Path.

    Raises:
        ValueError: The folder holds files that are not a demo city.
    """
    return render_plan(Path(root), default_plan(scale), seed=seed, scale=scale, workers=workers, progress=progress)


def render_plan(
    root: Path, plan: CityPlan, *, seed: int, scale: int, workers: int | None = None, progress: Progress | None = None
) -> Path:
    """Render a city of any size; see `render_demo_city`."""
    root = root.absolute()
    root.parent.mkdir(parents=True, exist_ok=True)
    wanted = {"version": VERSION, "seed": seed, "scale": scale, "images": plan.images}
    with FileLock(root.parent / f".{root.name}.lock"):
        if _read_state(root / _DONE) == {**wanted, "status": "complete"}:
            return root
        _prepare(root, plan, wanted)
        _render_streets(root, plan, seed, workers or min(os.cpu_count() or 1, _MOST_WORKERS), progress)
        write_whole(root / _DONE, json.dumps({**wanted, "status": "complete"}) + "\n")
        (root / _RENDERING).unlink()
    return root


def _prepare(root: Path, plan: CityPlan, wanted: dict[str, Any]) -> None:
    """Leave in the folder what belongs to the wanted city, and mark it as being rendered."""
    started, done = _read_state(root / _RENDERING), _read_state(root / _DONE)
    if root.exists() and any(root.iterdir()) and started is None and done is None:
        raise ValueError(f"{root} holds files that are not a demo city; name an empty or a new folder")
    _remove_files(root, "@*@.jpg.*.part")
    if started != wanted:
        _remove_files(root, "@*@.jpg")
    (root / _DONE).unlink(missing_ok=True)
    for split in plan.splits:
        for kind in _KINDS[: 2 + split.night]:
            (root / "images" / split.name / kind).mkdir(parents=True, exist_ok=True)
    write_whole(root / _RENDERING, json.dumps(wanted) + "\n")


def _remove_files(root: Path, pattern: str) -> None:
    """Remove files of an earlier rendering, and their folders unless they hold something else."""
    folders = [folder for kind in _KINDS for folder in (root / "images").glob(f"*/{kind}")]
    for folder in folders:
        for picture in folder.glob(pattern):
            picture.unlink()
    for folder in [*folders, *(root / "images").glob("*"), root / "images"]:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _read_state(path: Path) -> dict[str, Any] | None:
    """The state that a file tells, None if there is no such file or it is not ours."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return state if isinstance(state, dict) and "version" in state else None


def _render_streets(root: Path, plan: CityPlan, seed: int, workers: int, progress: Progress | None) -> None:
    def tell() -> None:
        if progress is not None:
            progress(sum(1 for _ in root.glob("images/*/*/@*@.jpg")), plan.images)

    tell()
    for _ in _at_work(root, plan, seed, workers):
        tell()


def _at_work(root: Path, plan: CityPlan, seed: int, workers: int) -> Iterator[None]:
    """Render; an item every second and at the end, or after each street where there is one process alone."""
    jobs = [
        (root, plan, seed, split, street) for split, size in enumerate(plan.splits) for street in range(size.streets)
    ]
    if workers <= 1:
        for job in jobs:
            _render_street(*job)
            yield
        return
    with ProcessPoolExecutor(min(workers, len(jobs)), get_context("spawn"), _die_of_ctrl_c) as pool:
        try:
            with _ctrl_c_waits():
                open_ = {pool.submit(_render_street, *job) for job in jobs}
            while open_:
                done, open_ = wait(open_, timeout=1, return_when=FIRST_COMPLETED)
                for street in done:
                    street.result()
                yield
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Workers that start meanwhile do not see an interruption before they ask for it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _die_of_ctrl_c() -> None:
    """Let an interruption end this worker at once, without a traceback and without the rest of its street."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as in the background of a script, where none is meant
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _render_street(root: Path, plan: CityPlan, seed: int, split: int, street_number: int) -> None:
    """Render the pictures of one street that are not there yet."""
    site = find_site(plan, seed, split, street_number)
    shots = {_path(root, plan, split, shot): shot for shot in plan_shots(plan, seed, site)}
    missing = {path: shot for path, shot in shots.items() if not path.exists()}
    if missing:
        street = build_street(generator(seed, site, "street"), site.district, site.half_length)
        for path, shot in missing.items():
            part = path.with_name(f"{path.name}.{os.getpid()}.part")
            Image.fromarray(take_shot(plan, seed, site, street, shot)).save(part, "JPEG", quality=_QUALITY)
            part.replace(path)


def _path(root: Path, plan: CityPlan, split: int, shot: Shot) -> Path:
    return root / "images" / plan.splits[split].name / shot.kind / file_name(shot)
