"""NetVLAD layer in closed form against the loop over clusters: time (interleaved, in one process) and peak memory.

    python scripts/bench/netvlad.py [--images 48] [--rounds 5]

The baseline is the common way of writing the layer: for each cluster, all residuals are formed, weighted and summed.
Its maps come channels first, as PyTorch leaves them; geoloc's come channels last, as its networks are (lit/module.py).
Times are medians and are to be read as ratios; peak memory is that of a fresh process, less what it has with its input.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rounds import in_turn, rows

from geoloc.aggregators.netvlad import NetVLAD
from geoloc.features import Features

CHANNELS, HEIGHT, WIDTH, CLUSTERS = 256, 30, 40, 64


def loop(layer: NetVLAD, features: Features) -> torch.Tensor:
    """Map (B, C, h, w) -> (B, K * C), one cluster after another."""
    x = F.normalize(features.map, dim=1)
    assignment = F.conv2d(x, layer.assignment[:, :, None, None]).flatten(2).softmax(dim=1)  # (B, K, P)
    x = x.flatten(2)  # (B, C, P)
    out = torch.zeros(len(x), CLUSTERS, x.shape[1])
    for k in range(CLUSTERS):
        residual = x - layer.centroids[k][None, :, None]
        out[:, k] = (residual * assignment[:, k : k + 1]).sum(dim=-1)
    return F.normalize(F.normalize(out, dim=2).flatten(1), dim=1)


FORMS = {"loop": loop, "closed": lambda layer, features: layer(features)}
LAYOUT = {"loop": torch.contiguous_format, "closed": torch.channels_last}


def run(form: str, backward: bool, layer: NetVLAD, features: Features) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    with torch.set_grad_enabled(backward):
        out = FORMS[form](layer, features)
        if backward:
            out.sum().backward()
            features.map.grad = None
    return time.perf_counter() - start


def inputs(form: str, images: int, backward: bool) -> tuple[NetVLAD, Features]:
    """A layer and (images, 256, 30, 40) random features, of the same values for all forms."""
    torch.manual_seed(0)
    layer, features = NetVLAD(CHANNELS, CLUSTERS), torch.randn(images, CHANNELS, HEIGHT, WIDTH)
    return layer, Features(features.contiguous(memory_format=LAYOUT[form]).requires_grad_(backward))


@torch.no_grad()
def largest_difference(given: dict[str, tuple[NetVLAD, Features]]) -> float:
    """Of a value of the descriptors."""
    a, b = (FORMS[form](*given[form]) for form in FORMS)
    return (a - b).abs().max().item()


def status_mib(field: str) -> float:
    """A memory figure of this process (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def peak_mib(form: str, backward: bool, images: int) -> float:
    """Peak resident memory of one call in a fresh process, above what is resident with the input."""
    command = [sys.executable, __file__, "--memory", form, str(int(backward)), "--images", str(images)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def measure(full: bool = False) -> list[dict[str, Any]]:
    """Forward and forward with backward, of 1 and 4 images (full: and 48), with the peak memory of several."""
    batches = (1, 4, 48)[: 3 if full else 2]
    return [row for images in batches for backward in (False, True) for row in of_maps(images, backward)]


def of_maps(images: int, backward: bool) -> list[dict[str, Any]]:
    """The row of a batch."""
    given = {form: inputs(form, images, backward) for form in FORMS}
    difference = largest_difference(given)
    calls = {
        "baseline": partial(run, "loop", backward, *given["loop"]),
        "closed": partial(run, "closed", backward, *given["closed"]),
    }
    note = f"largest difference {difference:.1e}"
    if images > 1:
        peaks = [peak_mib(form, backward, images) for form in FORMS]
        note += f"; peak {peaks[0]:.0f} MiB, ours {peaks[1]:.0f}"
    case = f"{images} maps of {HEIGHT}x{WIDTH}, forward{' and backward' if backward else ''}"
    return rows("NetVLAD", case, in_turn(calls, 5), {"closed": note})


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", nargs=2, metavar=("FORM", "BACKWARD"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        form, backward = arguments.memory[0], arguments.memory[1] == "1"
        layer, features = inputs(form, arguments.images, backward)
        before = status_mib("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
        run(form, backward, layer, features)
        print(status_mib("VmHWM") - before)
        return
    print(f"{arguments.images} images of {HEIGHT}x{WIDTH}x{CHANNELS}, K={CLUSTERS}, {torch.get_num_threads()} threads")
    for backward in (False, True):
        given = {form: inputs(form, arguments.images, backward) for form in FORMS}
        difference = largest_difference(given)
        seconds: dict[str, list[float]] = {form: [] for form in FORMS}
        for _ in range(arguments.rounds):
            for form in FORMS:
                seconds[form].append(run(form, backward, *given[form]))
        time_of = {form: statistics.median(values) for form, values in seconds.items()}
        memory = {form: peak_mib(form, backward, arguments.images) for form in FORMS}
        print(
            f"{'forward and backward' if backward else 'forward':20}"
            f"  time: loop {1000 * time_of['loop']:.0f} ms, closed {1000 * time_of['closed']:.0f} ms,"
            f" ratio {time_of['loop'] / time_of['closed']:.1f}"
            f"  peak: loop {memory['loop']:.0f} MiB, closed {memory['closed']:.0f} MiB"
            f"  largest difference {difference:.1e}"
        )


if __name__ == "__main__":
    main()
