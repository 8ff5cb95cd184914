"""Classes that a file names. It may come from a stranger: it chooses, and imports or calls nothing of its own."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def named(target: str, package: str) -> Any:
    """What a dotted name stands for, of the package or of a module that is imported already; None if there is nothing.

    Args:
        target: Such as "geoloc.views.five_crops.FiveCrops".
        package: With a dot at its end, such as "geoloc.".

    Raises:
        LookupError: It lies in another module that nobody has imported.
    """
    module, _, name = target.rpartition(".")
    if not module.startswith(package) and module not in sys.modules:
        raise LookupError(module)
    return getattr(import_module(module), name, None)
