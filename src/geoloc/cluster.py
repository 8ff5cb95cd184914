"""Describing images on several machines, by Ray Data: processes decode, actors hold the network, Parquet comes out.

Moritz et al., Ray: A distributed framework for emerging AI applications, OSDI 2018. Needs pip install 'geoloc[scale]'.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geoloc.data.images import read_pixels, resize
from geoloc.errors import InputError
from geoloc.extraction.describer import Describer
from geoloc.extraction.precision import Precision
from geoloc.net import DescriptorNet

BLOCK = 1000  # paths in a block, at most; blocks are what Ray deals out


@dataclass(frozen=True)
class Plan:
    """How images are described.

    Attributes:
        actors: Copies of the network, each in a process of its own.
        gpus: GPUs of each of them; 0: on CPUs.
        batch: Images described at once.
        rows_per_file: Descriptors in a file, at least; what a killed call has not written yet is described again.
        dtype: Of the descriptors that are written.
        precision: In which images are described; see `Describer`.
        address: Of a Ray cluster; None: this machine.
    """

    actors: int = 1
    gpus: float = 0
    batch: int = 16
    rows_per_file: int = 10_000
    dtype: str = "float16"
    precision: Precision = "auto"
    address: str | None = None


class Describe:
    """An actor: describes decoded images.

    Args:
        net: The network.
        dtype: See `Plan`.
        precision: See `Plan`.
    """

    def __init__(self, net: DescriptorNet, dtype: str, precision: Precision) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.dtype = dtype
        self.describer = Describer(precision)
        self.describer.take(net.to(self.device).to(memory_format=torch.channels_last).eval())

    def __call__(self, batch: dict[str, np.ndarray]) -> Any:
        """`row`, `name`, `image` (B, 3, H, W) uint8 -> a table of `row`, `name`, `descriptor` and how it was made."""
        import pyarrow as pa

        images = torch.from_numpy(np.array(batch["image"])).to(self.device)
        with torch.inference_mode():
            vectors = self.describer(images).float().cpu().numpy().astype(self.dtype)
        flat = pa.array(vectors.ravel(), type=pa.from_numpy_dtype(vectors.dtype))
        facts = {key: pa.repeat(value, len(vectors)) for key, value in self.describer.facts().items()}
        columns = {"row": batch["row"], "name": pa.array(batch["name"])}
        return pa.table(columns | {"descriptor": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])} | facts)


def decode(batch: dict[str, np.ndarray], size: tuple[int, int]) -> dict[str, np.ndarray]:
    """`row` and `name` (the path of an image) -> the same, and `image` (B, 3, H, W) uint8."""
    torch.set_num_threads(1)
    images = [resize(read_pixels(path), size).numpy() for path in batch["name"]]
    return {**batch, "image": np.stack(images)}


def described_rows(folder: Path) -> np.ndarray:
    """(n,) int64, the rows that lie in the Parquet files of a folder; files that a killed call has left are deleted.

    Raises:
        InputError: A photo was written anew after it was described.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = [np.empty(0, np.int64)]
    for path in sorted(folder.glob("*.parquet")):
        try:
            table = pq.read_table(path, columns=["row", "name"])
        except pa.ArrowInvalid:  # its end was never written
            path.unlink()
            continue
        described = path.stat().st_mtime_ns
        for photo in map(Path, table["name"].to_pylist()):
            if photo.is_file() and photo.stat().st_mtime_ns > described:
                raise InputError(f"{photo}: was written anew after it was described into {path}; name another OUT")
        found.append(table["row"].to_numpy())
    return np.unique(np.concatenate(found))


def describe(net: DescriptorNet, paths: Sequence[str], folder: Path, plan: Plan) -> int:
    """Describe images into Parquet files; those that an earlier call has described are left alone.

    Args:
        net: The network; it is sent to the actors.
        paths: (N,) of the images, as all machines see them; row i is that of `paths[i]`.
        folder: Of the files, which all machines see. Columns: `row` int64, `name` (the path), `descriptor`, and of the
            actor's describer `precision` and `lowest_cosine`.
        plan: How.

    Returns:
        Number of images that were still to be described.

    Raises:
        InputError: An image cannot be read, Ray is not installed, or the cluster has not what is asked for.
    """
    installed()
    folder.mkdir(parents=True, exist_ok=True)
    left = np.setdiff1d(np.arange(len(paths)), described_rows(folder))
    if not len(left):
        return 0
    ray = started(plan)
    import pyarrow as pa

    step = max(1, min(BLOCK, len(left) // (4 * plan.actors)))  # small sets too are dealt out to all actors
    blocks = [left[start : start + step] for start in range(0, len(left), step)]
    tables = [pa.table({"row": rows, "name": [str(paths[row]) for row in rows]}) for rows in blocks]
    actors = ray.data.ActorPoolStrategy(size=plan.actors)
    try:
        described = (
            ray.data.from_arrow(tables)
            .map_batches(decode, batch_size=plan.batch, fn_kwargs={"size": tuple(net.image_size)})
            .map_batches(
                Describe,
                batch_size=plan.batch,
                compute=actors,
                num_gpus=plan.gpus,
                fn_constructor_args=(net.cpu(), plan.dtype, plan.precision),
            )
        )
        described.write_parquet(str(folder), min_rows_per_file=plan.rows_per_file)
    except Exception as error:
        problem = _problem(str(error))
        raise (InputError(problem) if problem else error) from None
    return len(left)


def installed() -> Any:
    """Ray, not started.

    Raises:
        InputError: It, or what its data part needs, is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else it reports to its makers
    try:
        import pyarrow.parquet  # noqa: F401
        import ray
        import ray.data
    except ImportError:
        raise InputError("describing on several machines needs Ray; pip install 'geoloc[scale]'") from None
    return ray


def started(plan: Plan) -> Any:
    """Ray, connected to the cluster or started here.

    Raises:
        InputError: It is not installed (see `installed`), does not answer, or has too little.
    """
    ray = installed()
    if not ray.is_initialized():
        # Here the actors get cores of their own on paper, or none would be left to decode.
        cores = (os.cpu_count() or 1) + plan.actors
        here = {"num_cpus": cores, "include_dashboard": False} if plan.address is None else {"address": plan.address}
        try:
            ray.init(log_to_driver=False, **here)
        except (ConnectionError, RuntimeError) as error:
            raise InputError(f"Ray cluster {plan.address}: cannot be reached ({str(error).splitlines()[0]})") from None
    has = ray.cluster_resources()
    for kind, wanted in (("CPU", plan.actors + 1 if not plan.gpus else 1), ("GPU", plan.actors * plan.gpus)):
        if has.get(kind, 0) < wanted:
            raise InputError(
                f"{plan.actors} actors need {wanted:g} {kind}s, and Ray has {has.get(kind, 0):g}; ask for fewer actors"
            )
    return ray


def _problem(trace: str) -> str:
    """What was wrong with the input, from the traceback that Ray brings of another process; empty if it was not that.

    Example:
        >>> _problem("ray::Map() ... geoloc.errors.InputError: a.jpg: no such image")
        'a.jpg: no such image'
    """
    found = re.findall(r"geoloc\.errors\.InputError: (.+)", trace)
    return found[-1] if found else ""


def gather(folder: Path, size: int, path: Path) -> dict[str, Any]:
    """Write the descriptors of Parquet files into one `.npy` file, in the order of their rows.

    Args:
        folder: Of the files.
        size: N.
        path: Of the (N, D) array; it is either not there or whole.

    Returns:
        How they were made, for results.json.

    Raises:
        InputError: Rows are missing.
    """
    import pyarrow.parquet as pq

    files = sorted(folder.glob("*.parquet"))
    missing = size - len(described_rows(folder))
    if missing or not files:
        raise InputError(f"{folder}: {missing} of {size} images have no descriptor yet; run the same call again")
    path.parent.mkdir(parents=True, exist_ok=True)
    part, vectors = path.with_suffix(".part.npy"), None
    ways: set[str] = set()
    lowest = 1.0
    for file in files:
        for batch in pq.ParquetFile(file).iter_batches():
            ways |= set(batch["precision"].unique().to_pylist())
            lowest = min(lowest, *batch["lowest_cosine"].to_pylist())
            values = batch["descriptor"].flatten().to_numpy(zero_copy_only=False)
            values = values.reshape(len(batch), -1)
            if vectors is None:
                vectors = np.lib.format.open_memmap(part, "w+", values.dtype, (size, values.shape[1]))
            vectors[batch["row"].to_numpy()] = values
    assert vectors is not None
    vectors.flush()
    part.replace(path)
    return {"precision": " and ".join(sorted(ways)), "lowest_cosine": lowest}
