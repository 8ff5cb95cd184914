"""What is wrong with the data that a job names, found out before any of them are read."""

from __future__ import annotations

from typing import Any


def of_data(content: dict[str, Any]) -> list[str]:
    """A table of photos where a folder is read, the other way round, or beside what goes with folders alone."""
    from geoloc.data.manifest import is_manifest

    train = content["data"]["train"]
    reader, path = train["_target_"].removeprefix("geoloc.data.domains."), train.get("path") or ""
    if reader == "folder" and is_manifest(path):
        return [f"data.path: {path} is no data set's folder; a table of photos is read by data=table"]
    if reader != "table":
        return []
    if not is_manifest(path):
        return [
            f"data.path: data=table reads a CSV file (.csv), not {path}; a folder in the field's layout: data=folder"
        ]
    others = [content["val_folder"], *(content["test_folders"] or [])]
    if content["queries_folder"] != "queries" and all(is_manifest(other) for other in others if other):
        return ["queries_folder: has no effect on data=table, whose column side names the queries"]
    return []


def of_val(content: dict[str, Any]) -> list[str]:
    """A checkpoint chosen on the demo city while other data are trained on, as after a study's experiment."""
    rendered = content["data"]["train"]["_target_"].endswith(".demo_city")
    demo = [name for name, node in content["val"].items() if node["_target_"].endswith(".demo_city")]
    if rendered or not demo or content["val_folder"] or content["task"] != "train":
        return []
    return [
        f"val: {demo[0]} would choose the checkpoint, though data={content['data'].get('name')} is trained on; type"
        ' "domains@val=[...]" or val_folder=PATH too'
    ]
