import pytest
import torch
from torch import nn

from geoloc.evaluate.cost import count_flops, count_parameters, size_mb
from geoloc.net import DescriptorNet

RESNET18 = {"_target_": "geoloc.backbones.resnet.ResNet", "depth": 18, "weights": "none"}
NETVLAD = {"_target_": "geoloc.aggregators.netvlad.NetVLAD", "clusters": 64}


def test_parameters_and_size_by_hand():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    net[0].bias.requires_grad_(False)
    assert count_parameters(net) == (3 * 4 + 4 + 8, 3 * 4 + 8)
    # 24 parameters, 8 running statistics of 4 bytes, one counter of 8 bytes
    assert size_mb(net) == pytest.approx((24 * 4 + 8 * 4 + 8) / 1e6)


def test_resnet18_conv4_costs_what_the_literature_says():
    """17.2 GFLOPs and 2.78 M parameters at 480x640 (2 per multiply-add), plus NetVLAD's two products."""
    net = DescriptorNet.from_spec({"backbone": RESNET18, "aggregator": NETVLAD, "image_size": [480, 640]})
    netvlad = 2 * 2 * 30 * 40 * 256 * 64
    assert count_flops(net, (480, 640)) / 1e9 == pytest.approx(17.17 + netvlad / 1e9, abs=0.02)
    assert count_parameters(net.backbone)[0] / 1e6 == pytest.approx(2.78, abs=0.01)
    assert net.training
    assert isinstance(net(torch.zeros(2, 3, 64, 64, dtype=torch.uint8)), torch.Tensor)
