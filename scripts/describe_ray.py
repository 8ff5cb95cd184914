"""Describe images on several machines by Ray Data, and write the descriptors as Parquet.

python scripts/describe_ray.py logs/default/RUN datasets/my_city OUT --actors 2 --gather

RUN is a run's folder or a .ckpt of geoloc. The images are those of a data set's folder (its split, see --split), of a
table of photos (.csv), or of a column `path` (.parquet). OUT/parquet/*.parquet get the columns row, name, descriptor,
and how it was computed; all machines must see the images and OUT under the same paths. A call that was killed is given
again, and goes on after the files that it has written. With --gather the descriptors of a folder or a table also become
OUT/descriptors/<domain>.npy, and OUT a run that can be searched:

python -m geoloc.run task=search run=OUT index=faiss_ivfpq

On one machine task=describe does the same without Ray. On several, start Ray there first (`ray start --head`, and
`ray start --address=HOST:6379` on the others), and give --address auto.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any, get_args

from geoloc.checkpoints import load_network
from geoloc.cluster import Plan, describe, gather
from geoloc.data import domains
from geoloc.data.domains import Domain
from geoloc.errors import InputError
from geoloc.extraction.precision import Precision
from geoloc.lit.protocol import protocol_of
from geoloc.net import DescriptorNet
from geoloc.tasks.job import Job
from geoloc.tasks.results import described_facts, model_facts, write_status
from geoloc.textfiles import read_json, write_whole
from geoloc.views.hard_resize import HardResize


def network(path: Path) -> DescriptorNet:
    """The network of a run's folder or of a .ckpt.

    Raises:
        InputError: There is none, or the file does not say what network it is of.
    """
    try:
        return load_network(path, {}, set()).eval()
    except KeyError:  # it was to be built from a config
        raise InputError(
            f"{path}: does not say what network it is of; give a run's folder or a .ckpt of geoloc"
        ) from None


def images(source: Path, split: str, queries: str) -> tuple[list[str], Domain | None]:
    """Paths of all images, in the order of their rows, and the domain that they are; a column of paths is none.

    Raises:
        InputError: There is nothing of that kind.
    """
    if source.suffix != ".parquet":
        found = domains.table(source, split) if source.is_file() else domains.folder(source, split, queries)
        return [str(path.resolve()) for path in found.paths()], found
    if not source.is_file():
        raise InputError(f"{source}: no such file")
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise InputError(f"{source}: reading it needs pyarrow; pip install 'geoloc[scale]'") from None
    if "path" not in pq.read_schema(source).names:
        raise InputError(f"{source}: has no column path")
    paths = pq.read_table(source, columns=["path"])["path"].to_pylist()
    return [str((source.parent / path).resolve()) for path in paths], None


def check_same(out: Path, stamp: dict[str, Any]) -> None:
    """Write what the files of a folder are descriptors of.

    Raises:
        InputError: They are of something else.
    """
    path = out / "describe.json"
    before = read_json(path)
    different = [key for key in stamp if before and before.get(key) != stamp[key]]
    if different:
        key = different[0]
        raise InputError(
            f"{out}: holds descriptors of another {key} ({before.get(key)}, not {stamp[key]}); name another OUT"
        )
    out.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(stamp, indent=1) + "\n")


def make_run(out: Path, net: DescriptorNet, domain: Domain, source: str) -> None:
    """Gather the descriptors, and write the results.json that task=search reads."""
    facts = gather(out / "parquet", len(domain), out / "descriptors" / f"{domain.name}.npy")
    protocol = protocol_of(net.image_size, HardResize(), None) | {"extraction": facts}
    job = Job({"task": "describe"}, lambda node: node, out, set(), " ".join(sys.argv), 0)
    write_status(
        job,
        "finished",
        model=model_facts(net, source),
        protocol=protocol,
        domains={domain.name: described_facts(domain)},
        fingerprints={domain.name: domain.fingerprint()},
    )


def main() -> None:
    """Read the command line and describe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", type=Path, metavar="RUN", help="a run's folder, or a .ckpt of geoloc")
    parser.add_argument("images", type=Path, metavar="IMAGES", help="a data set's folder, a .csv or a .parquet")
    parser.add_argument("out", type=Path, metavar="OUT", help="a folder for the descriptors")
    parser.add_argument("--split", choices=["train", "val", "test"], help="of a folder or a .csv; default: test")
    parser.add_argument("--queries", help="name of a data set's folder of queries; default: queries")
    parser.add_argument("--actors", type=int, default=1, help="copies of the network, such as one a GPU")
    parser.add_argument("--gpus", type=float, default=0, help="GPUs of an actor; 0: CPUs")
    parser.add_argument("--batch", type=int, default=16, help="images described at once")
    parser.add_argument("--rows-per-file", type=int, default=10_000, help="what is not in a file yet a kill loses")
    parser.add_argument("--dtype", default="float16", choices=["float16", "float32"])
    parser.add_argument("--extraction", default="auto", choices=get_args(Precision), help="as the key of that name")
    parser.add_argument("--address", help="of a Ray cluster, such as auto; else Ray is started here")
    parser.add_argument("--gather", action="store_true", help="also write what task=search reads")
    given = parser.parse_args()
    if min(given.actors, given.batch, given.rows_per_file) < 1 or given.gpus < 0:
        parser.error("--actors, --batch and --rows-per-file must be at least 1, and --gpus at least 0")
    for key, suffixes in (("split", [".parquet"]), ("queries", [".parquet", ".csv"])):
        if getattr(given, key) is not None and given.images.suffix in suffixes:
            parser.error(f"--{key}: has no effect on {given.images}")
    if given.gather and given.images.suffix == ".parquet":
        parser.error("--gather: a column of paths says nothing of positions; name a data set's folder or a .csv")
    plan = Plan(
        given.actors, given.gpus, given.batch, given.rows_per_file, given.dtype, given.extraction, given.address
    )
    try:
        run(given, plan)
    except InputError as error:
        sys.exit("\n".join(error.problems))


def run(given: argparse.Namespace, plan: Plan) -> None:
    """Describe what is left, and gather if that is wanted."""
    net = network(given.net)
    paths, domain = images(given.images, given.split or "test", given.queries or "queries")
    stamp = {
        "model": net.digest(),
        "image_size": list(net.image_size),
        "images": len(paths),
        "paths": hashlib.blake2b("\n".join(paths).encode(), digest_size=16).hexdigest(),
        "dtype": plan.dtype,
        "extraction": plan.precision,
    }
    check_same(given.out, stamp)
    done = describe(net, paths, given.out / "parquet", plan)
    print(f"{given.out / 'parquet'}: {len(paths):,} descriptors, {len(paths) - done:,} of them from an earlier call")
    if given.gather and domain is not None:
        make_run(given.out, net, domain, str(given.net))
        print(f"search them by: python -m geoloc.run task=search run={given.out}")


if __name__ == "__main__":
    main()
