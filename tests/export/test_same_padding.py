"""TensorFlow's padding by whether a size is odd, against timm's own."""

import pytest
import torch
from timm.layers import Conv2dSame
from torch import nn

from geoloc.export.same_padding import SamePadding, replace_same_padding


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("size", [(16, 16), (17, 16), (16, 19), (33, 7), (8, 9)])
def test_it_computes_what_timm_does_to_the_last_bit(kernel, size):
    torch.manual_seed(0)
    conv = Conv2dSame(4, 6, kernel, stride=2, groups=2)
    x = torch.randn(2, 4, *size)
    found = SamePadding(conv)(x)
    assert torch.equal(found, conv(x))
    assert found.shape[2:] == (-(-size[0] // 2), -(-size[1] // 2))


def test_others_stay():
    plain, strided, dilated = nn.Conv2d(3, 3, 3), Conv2dSame(3, 3, 3, stride=4), Conv2dSame(3, 3, 3, 2, dilation=2)
    net = nn.Sequential(plain, nn.Sequential(strided, dilated, Conv2dSame(3, 3, 3, stride=2)))
    x = torch.randn(1, 3, 41, 50)
    before = net(x)
    replace_same_padding(net)
    assert [type(each) for each in net[1]] == [Conv2dSame, Conv2dSame, SamePadding]
    assert net[0] is plain
    assert torch.equal(net(x), before)
