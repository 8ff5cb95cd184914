"""How figures for papers look, and how they are written: one style, sizes in inches, letters that stay text."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Told apart by those who see no red or no green, and each also by its marker, for prints in grey (Okabe and Ito).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
RIGHT, WRONG, QUERY, FAINT = COLOURS[2], COLOURS[1], COLOURS[0], "#9A9A9A"
STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so that a figure is the same everywhere
    "font.size": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.2,
    "text.parse_math": False,  # a name with two $ is a name
    "pdf.fonttype": 42,  # TrueType: letters can be searched, and publishers refuse Type 3
}
# No time and no version: the same predictions give the same file.
UNSIGNED = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Producer": None}}


def new_figure(width: float, height: float, **more: Any) -> Figure:
    """A figure of this size.

    Args:
        width: Inches.
        height: Inches.
        **more: Of matplotlib's Figure, such as `layout`.
    """
    return Figure(figsize=(width, height), **more)


def style() -> Any:
    """The context in which a figure is drawn."""
    return rc_context(STYLE)


def save(figure: Figure, folder: Path, name: str, formats: Sequence[str], dpi: int) -> list[Path]:
    """Write a figure in each format, exactly as large as it was made.

    Args:
        figure: Drawn.
        folder: Is made if it is missing.
        name: Of the files, without an ending.
        formats: Such as ("png", "pdf").
        dpi: Pixels an inch of a PNG, and of photos and large maps in a PDF.
    """
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of each table of a font
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{ending}" for ending in formats]
    with style():
        for path, ending in zip(paths, formats, strict=True):
            figure.savefig(path, format=ending, dpi=dpi, metadata=UNSIGNED[ending])
    return paths


def look(number: int) -> dict[str, Any]:
    """Colour, marker and dashes of the line of this number, from 0; no two of the first 21 are the same."""
    round_ = number // len(COLOURS)
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": ("-", (0, (4, 1.2)), (0, (1, 1)))[round_ % 3],
        "zorder": 3,  # a marker at the end of an axis is above it
    }


def percent_axis(axes: Axes, low: float, high: float) -> None:
    """Limits of the vertical axis at whole tens around values in percent, with ticks at whole numbers."""
    bottom = min(10 * math.floor(low / 10), 90)
    axes.set_ylim(bottom, max(10 * math.ceil(high / 10), bottom + 10))
    axes.yaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
