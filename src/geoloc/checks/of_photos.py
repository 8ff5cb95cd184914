"""What is wrong with the keys that name people's own photos: `database` and `queries`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Key -> tasks that it has an effect on, and those that it must be given for.
MATTERS = {"database": ("localize", "demo"), "queries": ("localize", "demo")}
WANTED = {"database": ("localize", "demo"), "queries": ("localize",)}
SUCH = {
    "database": "database=FOLDER, photos whose positions are known, or the folder of an index",
    "queries": "queries=FOLDER, or one photo, of which is to be found out where it was taken",
}


def of_photos(content: dict[str, Any]) -> list[str]:
    """One line for each that is missing, leads nowhere, or has no effect."""
    found, task = [], content["task"]
    for key, tasks in MATTERS.items():
        given = content[key]
        if given and task not in tasks:
            found.append(f"{key}: has an effect on {', '.join(f'task={each}' for each in tasks)} alone")
        elif not given and task in WANTED[key]:
            found.append(f"{key}: must be given: {SUCH[key]}")
        elif given and not Path(given).exists():
            found.append(f"{key}={given}: no such file or folder")
    return found + (_of_packages() if task == "demo" else [])


def _of_packages() -> list[str]:
    """What the demo page is served with, if it is not installed."""
    missing = [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]
    needed = " and ".join(missing)
    return [f"task=demo: needs {needed}, not installed here: pip install 'geoloc[demo]'"] if missing else []
