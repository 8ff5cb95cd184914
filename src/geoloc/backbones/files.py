"""Reading files of torch safely: tensors, arrays and plain values come back, and no code in a file is run."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geoloc.errors import InputError

# Plain arrays and numbers of numpy, which checkpoints of others hold beside their tensors.
NUMPY: list[Any] = [
    np.ndarray,
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8")),
    *(
        (getattr(import_module("numpy._core.multiarray"), name), f"numpy.{core}.multiarray.{name}")
        for name in ("_reconstruct", "scalar")
        for core in ("core", "_core")
    ),
]
# What builds tensors, arrays and numbers; all other names in a file stand for an `Unread`.
BUILDERS = {
    "collections": ("OrderedDict",),
    "_codecs": ("encode",),
    "torch": ("Size", "device"),
    "torch._utils": ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"),
    "numpy": ("ndarray", "dtype"),
    **{f"numpy.{core}.multiarray": ("_reconstruct", "scalar") for core in ("core", "_core")},
}


class Unread:
    """Stands for an object of a class that is not a tensor, an array or a plain value; takes everything, does nothing.

    Attributes:
        kind: Its class in the file; set by `_Unpickler`.
    """

    kind = ""

    def __new__(cls, *_: Any, **__: Any) -> Unread:
        """Whatever the arguments."""
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __call__(self, *_: Any, **__: Any) -> Unread:
        """Where the file would call it, nothing is."""
        return self

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, item: Any) -> None:
        """Take no notice."""

    def extend(self, items: Any) -> None:
        """Take no notice."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module_name: str, name: str) -> Any:
        if name in BUILDERS.get(module_name, ()):
            if module_name == "collections":
                return OrderedDict
            return getattr(import_module(module_name.replace("numpy.core", "numpy._core")), name)
        return type(name, (Unread,), {"kind": f"{module_name}.{name}"})


class _Inert:
    """In the place of the module `pickle` for `torch.load`."""

    __name__ = "inert"
    Unpickler = _Unpickler

    @staticmethod
    def load(file: Any, **options: Any) -> Any:
        return _Unpickler(file, **options).load()


def read_content(path: str | Path) -> Any:
    """What a file of torch holds; objects of other classes come as `Unread`.

    Raises:
        InputError: The file is missing or none of torch's.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file of weights")
    try:
        with torch.serialization.safe_globals(NUMPY):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception:
        try:
            return torch.load(path, map_location="cpu", weights_only=False, pickle_module=_Inert())
        except Exception as error:
            reason = type(error).__name__
            raise InputError(f"{path}: cannot be read as a file of weights ({reason})") from None


def state_dict_of(content: Any, path: str | Path) -> dict[str, torch.Tensor]:
    """Tensors by name.

    Args:
        content: Of a file: a plain state dict, or one under the key `state_dict` or `model_state_dict`; names may be
            prefixed by `module.`.
        path: For messages.

    Raises:
        InputError: It is something else.
    """
    for key in ("state_dict", "model_state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if isinstance(content, dict) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in content.items()
    ):
        return {name.removeprefix("module."): value for name, value in content.items()}
    values = content.values() if isinstance(content, dict) else [content]
    kinds = sorted({value.kind for value in values if isinstance(value, Unread)})
    found = f" but objects of {', '.join(kinds)}, which are not read" if kinds else " (names with tensors)"
    raise InputError(f"{path}: holds no state dict{found}")


def read_state_dict(path: str | Path) -> dict[str, torch.Tensor]:
    """Tensors by name from a file; see `state_dict_of`.

    Raises:
        InputError: The file is missing or holds something else.
    """
    return state_dict_of(read_content(path), path)
