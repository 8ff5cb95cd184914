"""A backbone in two parts is the backbone, and what is described or learned through the parts is the same."""

from __future__ import annotations

import pytest
import torch
from networks import small
from torch import nn

from geoloc.extraction.fast import lowest_cosine, twin
from geoloc.extraction.parted import parted, rest_of, stem_of
from geoloc.net import DescriptorNet

# Shape of the maps of an image of 64 x 96 pixels, worked out by hand from strides and channels.
MAPS = {
    "resnet18": (128, 8, 12),
    "resnet50": (512, 8, 12),
    "alexnet": (192, 7, 11),  # 64 -> 15 (11, stride 4, padding 2) -> 7 (pooling of 3, stride 2)
    "vgg16": (512, 4, 6),
    "efficientnet_lite0": (80, 4, 6),
}


def frozen_net(backbone: str = "resnet18", **changes) -> DescriptorNet:
    """Random weights whose early layers stay as they are, with batch norms that are no identity, in train mode."""
    torch.manual_seed(0)
    net = DescriptorNet.from_spec(
        small(backbone, "netvlad", aggregator__clusters=4, backbone__freeze="early", **changes)
    )
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            layer.running_mean.normal_(std=0.1)
            layer.running_var.uniform_(0.5, 1.5)
    return net.to(memory_format=torch.channels_last).train()


def images(count: int = 3) -> torch.Tensor:
    """As loaders give them, the channels of a pixel side by side."""
    return torch.randint(
        256, (count, 64, 96, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    ).movedim(-1, 1)


@pytest.mark.parametrize("backbone", MAPS)
def test_the_chain_of_both_parts_is_the_backbone_to_the_last_bit(backbone):
    net = frozen_net(backbone).eval()
    first, rest = parted(net)
    x = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        maps = first(x)
        assert torch.equal(rest(maps).map, net.backbone(x).map)
    assert maps.shape == (2, *MAPS[backbone])
    assert not any(parameter.requires_grad for parameter in first.parameters())
    assert all(parameter.requires_grad for parameter in rest.parameters())


@pytest.mark.parametrize("backbone", ["resnet18", "vgg16", "efficientnet_lite0"])
def test_a_backbone_that_is_trained_from_its_first_layer_has_no_parts(backbone):
    assert parted(DescriptorNet.from_spec(small(backbone, "gem", backbone__freeze="none"))) is None


def test_a_transformer_has_no_parts():
    assert parted(DescriptorNet.from_spec(small("timm", "gem", backbone__freeze_te=0))) is None


@pytest.mark.parametrize("block", ["none", "non_local"])
@pytest.mark.parametrize("way", ["float32", "bfloat16"])
def test_both_parts_of_a_twin_describe_as_the_whole_twin_to_the_last_bit(way, block):
    net = frozen_net(block=block).eval()
    with torch.inference_mode():
        maps = stem_of(net, way)(images())
        assert maps.dtype == getattr(torch, way)
        assert torch.equal(rest_of(net, way)(maps), twin(net, way)(images()))


def test_what_is_learned_through_stored_maps_is_the_same_to_the_last_bit():
    nets = [frozen_net(), frozen_net()]
    weights = torch.randn(nets[0].out_dim, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        maps = stem_of(nets[1], "exact")(images())
    for net, descriptors in zip(nets, (nets[0](images()), rest_of(nets[1], "exact")(maps)), strict=True):
        (descriptors @ weights).sum().backward()
        assert net.backbone.layer3[0].conv1.weight.grad.abs().max() > 0
    for (name, a), b in zip(nets[0].named_parameters(), nets[1].parameters(), strict=True):
        assert (a.grad is None and b.grad is None) if name.startswith("backbone.layer2") else True
        assert a.grad is None or torch.equal(a.grad, b.grad), name


def test_maps_of_an_image_do_not_depend_on_the_others_of_its_batch():
    """Else what a run learns would depend on which maps it found stored."""
    net = frozen_net().eval()
    for way in ("exact", "float32", "bfloat16"):
        stem = stem_of(net, way)
        with torch.no_grad():
            together = stem(images(7))
            for part in (slice(0, 1), slice(2, 5), slice(6, 7)):
                assert torch.equal(stem(images(7)[part]), together[part])


def test_maps_in_float32_give_the_descriptors_of_the_network():
    net = frozen_net().eval()
    with torch.inference_mode():
        folded = rest_of(net, "exact")(stem_of(net, "float32")(images()))
        assert lowest_cosine(folded, net(images())) > 0.999999
