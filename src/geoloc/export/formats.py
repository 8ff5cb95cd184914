"""The files: each is written, opened again as others will open it, and handed on with a way to describe images."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from geoloc.export.graph import Graph, fixed_graph, graph_of, on_cpu, sizes_tried, step_of, told_sizes
from geoloc.export.onnx_file import run_onnx, write_onnx
from geoloc.export.parity import Run, check_sizes
from geoloc.export.quiet import quiet, reason
from geoloc.net import WEIGHTS_FILE, DescriptorNet

FILES = {"onnx": "model.onnx", "torch": "model.pt2", "weights": WEIGHTS_FILE}
ABOUT = "geoloc.json"  # inside model.pt2


@dataclass(frozen=True)
class Written:
    """A file of an exported network.

    Attributes:
        path: Of the file.
        run: Describes images by it.
        step: Height and width may be any multiple of so many pixels; None: those of `image_size` alone.
        note: What is to be said of it; empty if nothing.
    """

    path: Path
    run: Run
    step: int | None
    note: str = ""

    @property
    def size(self) -> int:
        """Bytes, with those of weights beside it."""
        return sum(each.stat().st_size for each in self.path.parent.glob(f"{self.path.name}*"))


class Exporter:
    """Writes the formats of a network into a folder; the graph that two of them share is made once.

    Args:
        net: The network.
        folder: Existing folder.
        about: Plain values that say where the network comes from, for model.yaml.
        facts: Plain words that say what it is, for the other files.
    """

    def __init__(self, net: DescriptorNet, folder: Path, about: Mapping[str, Any], facts: Mapping[str, str]) -> None:
        self.net = on_cpu(net)
        self.folder = folder
        self.about = about
        self.facts = facts
        self.threads = torch.get_num_threads()

    @cached_property
    def _graph(self) -> Graph:
        return graph_of(self.net)

    def write(self, name: str) -> Written:
        """Write one of `FILES`.

        Raises:
            Exception: Whatever an exporter or a runtime raises.
        """
        makers: dict[str, Callable[[Path], Written]] = {
            "onnx": self._onnx,
            "torch": self._torch,
            "weights": self._weights,
        }
        path = self.folder / FILES[name]
        try:
            return makers[name](path)
        except Exception:  # half a file is no file
            for part in self.folder.glob(f"{path.name}*"):
                part.unlink()
            raise

    def _weights(self, path: Path) -> Written:
        self.net.save(self.folder, self.about)
        return Written(path, DescriptorNet.load(self.folder).describe, step_of(self.net))

    def _facts(self, graph: Graph) -> dict[str, str]:
        return {**self.facts, "sizes": told_sizes(graph.step, self.net.image_size)}

    def _torch(self, path: Path) -> Written:
        graph = self._graph
        with quiet():
            torch.export.save(graph.program, path, extra_files={ABOUT: json.dumps(self._facts(graph))})
            module = torch.export.load(path).module()
        return Written(path, torch.inference_mode()(module), graph.step, graph.note)

    def _onnx(self, path: Path) -> Written:
        graph = self._graph
        try:
            beside = write_onnx(graph, path, self._facts(graph))
            if graph.step is not None:
                check_sizes(run_onnx(path, self.threads), self.net, sizes_tried(self.net, graph.step))
        except Exception as error:  # whatever the exporter raises, or the runtime at another size
            if graph.step is None:
                raise
            graph = fixed_graph(self.net, f"as ONNX it takes this size alone ({reason(error)})")
            beside = write_onnx(graph, path, self._facts(graph))
        note = (
            f"the weights are in {path.name}.data, which goes with it (one file holds 2 GB)" if beside else graph.note
        )
        return Written(path, run_onnx(path, self.threads), graph.step, note)
