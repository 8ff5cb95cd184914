"""Read what an offline run of W&B has left on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

BLOCK = 32768  # bytes; the file is a log of LevelDB: each part has a check sum (4 bytes), its length (2) and kind (1)


def records(run: Path) -> Iterator[Record]:
    """All records of `offline-run-...`, in their order."""
    (path,) = run.glob("*.wandb")
    content, at, whole = path.read_bytes(), 7, b""
    while at + 7 <= len(content):
        left = BLOCK - at % BLOCK
        if left < 7:
            at += left
            continue
        length, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or its last part
            record = Record()
            record.ParseFromString(whole)
            yield record
            whole = b""


def values(items: Any) -> dict[str, Any]:
    """Key -> value; nested keys are joined by dots."""
    return {".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}


class OfflineRun:
    """One run.

    Attributes:
        run: Its id, name, group, type and tags.
        config: {key: value}.
        history: One dict for each call of `log`.
        summary: The last of each.
        exit_code: None if it was not finished.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.history: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.artifacts: list[Any] = []
        self.exit_code: int | None = None
        for record in records(folder):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                self.run = record.run
                self.config = values(record.run.config.update)
            elif kind == "history":
                self.history.append(values(record.history.item))
            elif kind == "summary":
                self.summary |= values(record.summary.update)
            elif kind == "artifact":
                self.artifacts.append(record.artifact)
            elif kind == "exit":
                self.exit_code = record.exit.exit_code

    def column(self, key: str) -> dict[int, Any]:
        """Epoch -> value of a metric."""
        return {int(row["epoch"]): row[key] for row in self.history if key in row}

    def table(self, key: str) -> dict[str, Any]:
        """Columns and rows of a table; cells with images hold a file each."""
        (artifact,) = [each for each in self.artifacts if each.name == f"run-{self.run.run_id}-{key}"]
        files = {each.path: Path(each.local_path) for each in artifact.manifest.contents}
        content = json.loads(files[f"{key}.table.json"].read_text())
        rows = [[files[cell["path"]] if isinstance(cell, dict) else cell for cell in row] for row in content["data"]]
        return {"columns": content["columns"], "data": rows}


def offline_runs(job: Path) -> list[OfflineRun]:
    """All runs in the folder of a job, oldest first."""
    return [OfflineRun(folder) for folder in sorted((job / "wandb").glob("offline-run-*"))]
