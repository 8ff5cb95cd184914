"""Write a trained network in the file layout of the CVPR 2022 benchmark, which its eval.py reads.

python scripts/export_benchmark.py logs/default/RUN best_model.pth
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

import geoloc
from geoloc.errors import InputError
from geoloc.foreign.convert import benchmark_flags, ends_in_unit_length, to_benchmark


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("file", type=Path, help="such as best_model.pth")
    given = parser.parse_args()
    try:
        net = geoloc.load(given.run)
        state, flags = to_benchmark(net), benchmark_flags(net)
    except InputError as error:
        parser.error(str(error))
    # The benchmark trains under DataParallel, and its files show it.
    torch.save({"model_state_dict": {f"module.{name}": value for name, value in state.items()}}, given.file)
    print(f"python eval.py --resume={given.file} {flags}")
    if net.unit_length and not ends_in_unit_length(net) and "after_pool" not in flags:
        print("note: the benchmark leaves these descriptors as long as they come; ours have unit length")


if __name__ == "__main__":
    main()
