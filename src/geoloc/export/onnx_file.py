"""model.onnx: written by torch.onnx from an exported program, checked, and run by ONNX Runtime."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from geoloc.export.graph import Graph
from geoloc.export.parity import Run
from geoloc.export.quiet import quiet

INPUT, OUTPUT = "images", "descriptors"
NAMES = ("batch", None, "height", "width")  # of the input's dimensions
ONE_FILE = 1_900_000_000  # bytes of weights that fit into it; a protobuf holds 2 GB
ERRORS_ONLY = 3  # of ONNX Runtime's levels


def write_onnx(graph: Graph, path: Path, facts: Mapping[str, str]) -> bool:
    """Write the graph and check the file.

    Args:
        graph: What is written.
        path: Of the file.
        facts: Its metadata.

    Returns:
        Whether the weights lie in a second file beside it, since one holds 2 GB.
    """
    import onnx

    state = graph.program.state_dict.values()
    beside = sum(each.numel() * each.element_size() for each in state) > ONE_FILE
    with quiet():
        made = torch.onnx.export(
            graph.program, (), input_names=[INPUT], output_names=[OUTPUT], dynamo=True, verbose=False
        )
        assert made is not None
        _plainer(made.model)
        made.model.metadata_props.update(facts)
        made.save(str(path), external_data=beside)
        onnx.checker.check_model(str(path), full_check=not beside)
    return beside


def _plainer(model: Any) -> None:
    """Give the open dimensions names that say what they are, and leave out the paths of source files."""
    (images,) = model.graph.inputs
    names = {
        str(size.value): name
        for size, name in zip(images.shape, NAMES, strict=True)
        if name and not isinstance(size, int)
    }
    values = [*model.graph.inputs, *model.graph.outputs]
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        values += node.outputs
    for value in values:
        value.metadata_props.clear()
        if value.shape is not None:
            value.shape = type(value.shape)([_renamed(size, names) for size in value.shape])


def _renamed(size: Any, names: Mapping[str, str]) -> Any:
    """A dimension, or the formula of one, by the new names."""
    text = None if isinstance(size, int) else size.value
    return size if text is None else re.sub(r"\w+", lambda word: names.get(word[0], word[0]), text)


def run_onnx(path: Path, threads: int, provider: str = "CPUExecutionProvider") -> Run:
    """What describes images by the file.

    Args:
        path: Of the file.
        threads: For one operation.
        provider: Where it is run.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = ERRORS_ONLY
    session = onnxruntime.InferenceSession(str(path), options, providers=[provider])

    def run(images: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(session.run([OUTPUT], {INPUT: images.contiguous().numpy()})[0])

    return run
