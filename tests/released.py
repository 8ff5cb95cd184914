"""A hub repository, and a file of weights as others release them, that tests write themselves."""

from __future__ import annotations

from pathlib import Path

import torch
import torchvision

HUBCONF = '''
dependencies = ["torch"]
import torch
from tiny_released.net import Tiny


def small(width=8, pretrained=True):
    """The descriptor of a picture: means of its parts, through one layer."""
    print("here is a small network")
    net = Tiny(width)
    if pretrained:
        net.load_state_dict(torch.hub.load_state_dict_from_url("https://example.invalid/small.pth"))
    return net


def pair(width=8):
    return Tiny(width, how="tuple")


def named(width=8):
    return Tiny(width, how="dict")


def own(width=8):
    """Takes values from 0 to 1, and normalises them itself."""
    return Tiny(width, own=True)


def broken(width=8):
    return Tiny(width, how="nan")


def no_network():
    return {"weights": 1}


def needs_more():
    import surely_not_installed

    return surely_not_installed.net()


def refuses(width):
    raise ValueError(f"width must be 8, not {width}\\nsecond line")
'''
NET = """
import torch
from torch import nn

MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


class Tiny(nn.Module):
    def __init__(self, width, how="plain", own=False):
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.weight = nn.Parameter(torch.randn(width, 3 * 16, generator=generator))
        self.how, self.own = how, own

    def forward(self, x):
        if self.own:
            x = (x - MEAN.view(3, 1, 1)) / STD.view(3, 1, 1)
        x = nn.functional.adaptive_avg_pool2d(x, 4).flatten(1) @ self.weight.T
        x = nn.functional.normalize(x, dim=1)
        if self.how == "nan":
            return x * float("nan")
        return {"plain": x, "tuple": (x, x[:, :2]), "dict": {"global": x, "local": x[:, :2]}}.get(self.how, x)
"""


def write_repository(folder: Path, hubconf: str = HUBCONF, net: str = NET) -> Path:
    """A clone of a repository with a hubconf.py."""
    (folder / "tiny_released").mkdir(parents=True)
    (folder / "hubconf.py").write_text(hubconf)
    (folder / "tiny_released" / "__init__.py").write_text("")
    (folder / "tiny_released" / "net.py").write_text(net)
    return folder


def mixvpr_state(cells, channels, rows, depth, bias):
    """A file of MixVPR's authors: Lightning's names of torchvision's ResNet-50 without layer4, and the aggregator's."""
    torch.manual_seed(3)
    body = torchvision.models.resnet50(weights=None)
    names = ("conv1", "bn1", "layer1", "layer2", "layer3")
    state = {f"backbone.model.{n}": v for n, v in body.state_dict().items() if n.startswith(names)}
    shapes = {
        "channel_proj.weight": (channels, 1024),
        "channel_proj.bias": (channels,),
        "row_proj.weight": (rows, cells),
    }
    shapes |= {"row_proj.bias": (rows,)} if bias else {}
    for layer in range(depth):
        shapes |= {f"mix.{layer}.mix.{part}.weight": (cells, cells) for part in (1, 3)}
        shapes |= {f"mix.{layer}.mix.{part}.bias": (cells,) for part in (1, 3)}
        shapes |= {f"mix.{layer}.mix.0.{what}": (cells,) for what in ("weight", "bias")}
    return body, state | {f"aggregator.{name}": 0.1 * torch.randn(shape) for name, shape in shapes.items()}
