"""Layers that torch.export can follow, against those in whose place they stand."""

import pytest
import torch
from timm.layers import Conv2dSame
from torch import nn

from geoloc.export.rewritten import Clamp, EveryPool, SamePadding, rewrite


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("size", [(16, 16), (17, 16), (16, 19), (33, 7), (8, 9)])
def test_padding_computes_what_timm_does_to_the_last_bit(kernel, size):
    torch.manual_seed(0)
    conv = Conv2dSame(4, 6, kernel, stride=2, groups=2)
    x = torch.randn(2, 4, *size)
    found = SamePadding(conv)(x)
    assert torch.equal(found, conv(x))
    assert found.shape[2:] == (-(-size[0] // 2), -(-size[1] // 2))


@pytest.mark.parametrize("pool", [(2,), (3, 2), (3, 2, 1), ((3, 2), (2, 3), (1, 0)), (2, 3, 1, 2)], ids=str)
@pytest.mark.parametrize("size", [(16, 16), (17, 16), (16, 19), (33, 7), (8, 9)])
def test_pooling_computes_what_torch_does(pool, size):
    pool = nn.MaxPool2d(*pool)
    x = torch.randn(2, 4, *size, generator=torch.Generator().manual_seed(0))
    assert torch.equal(EveryPool(pool)(x), pool(x))


def test_clamping_computes_what_relu6_does():
    x = torch.tensor([-1.0, -0.0, 0.5, 6.0, 7.0, float("inf"), float("-inf"), float("nan")])
    net = nn.Sequential(nn.ReLU6(inplace=True), nn.Hardtanh(0, 6))
    rewrite(net)
    assert [type(layer) for layer in net] == [Clamp, nn.Hardtanh]
    found = net[0](x)
    assert torch.equal(found[:-1], nn.ReLU6()(x)[:-1])
    assert found[:-1].tolist() == [0, 0, 0.5, 6, 6, 6, 0]
    assert found[-1].isnan()


def test_a_graph_stays_small_where_sizes_are_open():
    """Sizes of a map are halves of those of the map before, rounded up: five brackets after five convolutions."""
    net = nn.Sequential(*(Conv2dSame(3, 3, 3, stride=2) for _ in range(5)))
    rewrite(net)
    free = ({2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC},)
    program = torch.export.export(net, (torch.zeros(2, 3, 96, 160),), dynamic_shapes=free, strict=False)
    (last,) = next(node for node in program.graph.nodes if node.op == "output").args[0]
    assert str(last.meta["val"].shape[2]).count("//") == 5
    assert "Mod" not in str(last.meta["val"].shape)


def test_others_stay(monkeypatch):
    monkeypatch.setattr("geoloc.export.rewritten.FOLLOWS_POOLING", False)
    plain, strided, dilated = nn.Conv2d(3, 3, 3), Conv2dSame(3, 3, 3, stride=4), Conv2dSame(3, 3, 3, 2, dilation=2)
    net = nn.Sequential(plain, nn.Sequential(strided, dilated, Conv2dSame(3, 3, 3, stride=2)))
    net.append(nn.Sequential(nn.MaxPool2d(2, ceil_mode=True), nn.MaxPool2d(2)))
    x = torch.randn(1, 3, 141, 150)
    before = net(x)
    rewrite(net)
    assert [type(each) for each in net[1]] == [Conv2dSame, Conv2dSame, SamePadding]
    assert [type(each) for each in net[2]] == [nn.MaxPool2d, EveryPool]
    assert net[0] is plain
    assert torch.equal(net(x), before)


@pytest.mark.parametrize("follows", [True, False])
def test_pooling_is_rewritten_for_an_old_torch_alone(monkeypatch, follows):
    monkeypatch.setattr("geoloc.export.rewritten.FOLLOWS_POOLING", follows)
    net = nn.Sequential(nn.MaxPool2d(3, 2, 1))
    rewrite(net)
    assert type(net[0]) is (nn.MaxPool2d if follows else EveryPool)
