"""How training went, for papers: loss and validated recalls by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from geoloc.report.history import LOSS, Points, recall_name
from geoloc.report.paper.style import look, new_figure, percent_axis, style


def training(history: Mapping[str, Points], width: float) -> Figure:
    """The loss above, the recalls below, along one axis of epochs.

    Args:
        history: See `read_history`; at least one column.
        width: Inches.
    """
    recalls = {name: points for name, points in history.items() if name != LOSS}
    loss = history.get(LOSS, [])
    panels = bool(loss) + bool(recalls)
    with style():
        columns = (
            max(1, int(width / 0.85)) if len({_domain(name) for name in recalls}) == 1 else max(1, int(width / 1.6))
        )
        lines = math.ceil(len(recalls) / columns) if len(recalls) > 1 else 0
        figure = new_figure(width, 0.4 * width * panels + 0.2 + 0.16 * lines, layout="constrained")
        axes: list[Axes] = list(figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0])
        if loss:
            axes[0].plot(*zip(*loss, strict=True), clip_on=False, **look(0))
            axes[0].set_ylabel("training loss")
            finite = [value for _, value in loss if math.isfinite(value)]  # a line has gaps where one is not
            axes[0].set_ylim(0, 1.08 * max(finite, default=0) or 1)
        if recalls:
            _recalls(axes[-1], recalls)
            if len(recalls) > 1:
                handles, labels = axes[-1].get_legend_handles_labels()
                figure.legend(handles, labels, loc="outside lower center", ncols=min(columns, len(labels)))
        axes[-1].set_xlabel("epoch")
        axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        return figure


def _recalls(axes: Axes, recalls: Mapping[str, Points]) -> None:
    """A line for each; those of one domain are called by their N alone."""
    alone = len({_domain(name) for name in recalls}) == 1
    for number, (name, points) in enumerate(recalls.items()):
        told = recall_name(name)
        n = told.rpartition(" ")[2]
        label = n if alone else told
        axes.plot(*zip(*points, strict=True), label=label, clip_on=False, **look(number + 1))
    values = [value for points in recalls.values() for _, value in points]
    percent_axis(axes, min(values), max(values))
    axes.set_ylabel("validation recall (%)" if len(recalls) > 1 else f"validation {n} (%)")


def _domain(name: str) -> str:
    return name.split("/")[1]
