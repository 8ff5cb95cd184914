"""What is wrong with a job of task=export, found out before its network is read."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

# Format -> packages that write and check its file; those of the others come with geoloc itself.
PACKAGES = {"onnx": ("onnx", "onnxscript", "onnxruntime")}
BATCH = 8  # of conf/task/export.yaml


def of_export(content: dict[str, Any]) -> list[str]:
    """One line for each problem; none for other tasks, which have no key `export`."""
    if content["task"] != "export":
        return []
    if not content.get("export"):
        return ["export: must be there: its keys say what task=export writes; leave it as it is"]
    found = []
    if not content["checkpoint"] and "source" not in content["hub"]:
        found.append("checkpoint: must be given: checkpoint=PATH of the network that task=export writes, or hub=NAME")
    if content["multiscale"].get("_target_"):
        found.append("multiscale: is not exported; a graph describes images at one scale, that of image_size")
    if not content["export"]["latency"] and content["export"]["batch"] != BATCH:
        found.append("export.batch: has no effect on export.latency=false, which times nothing")
    asked = content["export"]["formats"]
    twice = sorted({name for name in asked if asked.count(name) > 1})
    found += [f"export.formats: {name} is there twice" for name in twice]
    wanted = [package for name in dict.fromkeys(asked) for package in PACKAGES.get(name, ())]
    missing = [package for package in wanted if find_spec(package) is None]
    if missing:
        found.append(
            f"export.formats: onnx needs {', '.join(missing)}: pip install -e '.[export]'; or leave it out:"
            ' "export.formats=[torch,weights]"'
        )
    return found
