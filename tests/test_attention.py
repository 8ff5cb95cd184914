"""Which parts of two images made them similar."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from networks import WITH_CLS, choices, images, small, spec_of

from geoloc.attention import attention
from geoloc.net import DescriptorNet


@pytest.mark.parametrize("aggregator", choices("aggregator"))
def test_x(aggregator):
    torch.manual_seed(0)
    net = DescriptorNet.from_spec(small("timm" if aggregator=="cls" else "resnet18", aggregator))
    x = images(2,3,64,96)
    a = attention(net, x)
    d = net.describe(x)
    print(aggregator, a.similarity, (d[0]@d[1]).item(), a.maps.sum((1,2)), a.maps.shape, a.maps.std())
