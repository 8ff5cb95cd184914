"""Which parameters are trained, at which learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from geoloc.errors import InputError


def parameter_groups(net: nn.Module, factors: Mapping[str, float]) -> list[dict[str, Any]]:
    """The trainable parameters, one group for each learning rate; frozen ones are left out.

    Args:
        net: The network.
        factors: Part of the network -> factor; of several parts that a parameter lies in, the innermost counts.

    Raises:
        InputError: A factor other than 1 is of a part without trainable parameters.
    """
    trained = [(name.split("."), parameter) for name, parameter in net.named_parameters() if parameter.requires_grad]
    idle = [part for part, factor in factors.items() if factor != 1 and all(part not in path for path, _ in trained)]
    if idle:
        raise InputError(f"lr_factors.{idle[0]}: this network trains no parameter there")
    groups: dict[float, list[nn.Parameter]] = {}
    for path, parameter in trained:
        innermost = next((part for part in reversed(path) if part in factors), None)
        groups.setdefault(1.0 if innermost is None else float(factors[innermost]), []).append(parameter)
    return [{"params": parameters, "factor": factor} for factor, parameters in groups.items()]
