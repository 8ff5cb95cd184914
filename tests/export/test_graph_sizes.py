"""Which sizes of images a graph takes."""

import pytest
import torch
from networks import images, small

from geoloc.export.graph import graph_of, on_cpu, sizes_tried, step_of
from geoloc.export.parity import parity
from geoloc.net import DescriptorNet


def net_of(backbone, aggregator, **changes):
    torch.manual_seed(0)
    return DescriptorNet.from_spec(small(backbone, aggregator, **changes)).eval()


@pytest.mark.parametrize(("backbone", "step"), [("resnet18", 1), ("timm", 16), ("vit", None), ("cct384", None)])
def test_the_backbone_says_in_which_steps(backbone, step):
    assert step_of(net_of(backbone, "gem")) == step


def test_a_foreign_backbone_that_says_nothing_takes_all():
    net = net_of("resnet18", "gem")
    net.backbone.check_size = None
    assert step_of(net) == 1


def test_larger_half_and_turned_sizes_are_tried():
    net = net_of("resnet18", "gem")  # 64 x 96 pixels
    assert sizes_tried(net, 1) == [(71, 109), (64, 64), (96, 64)]
    assert sizes_tried(net_of("timm", "gem"), 16) == [(176, 304), (64, 64), (96, 64)]


def test_any_number_and_size_of_images():
    net = net_of("resnet18", "netvlad")
    graph = graph_of(net)
    assert (graph.step, graph.note) == (1, "")
    for shape in ((1, 3, 64, 96), (5, 3, 64, 96), (2, 3, 99, 131)):
        batch = images(*shape)
        assert parity(net.describe(batch), graph.program.module()(batch)).fits


@pytest.mark.parametrize(
    ("backbone", "aggregator"), [pytest.param("vit", "cls", marks=pytest.mark.slow), ("resnet18", "mixvpr")]
)
def test_a_network_of_one_size_says_so(backbone, aggregator):
    graph = graph_of(net_of(backbone, aggregator))
    assert graph.step is None
    assert graph.note == "the network takes images of this size alone"


@pytest.mark.slow
def test_regions_that_depend_on_the_size_are_found_out():
    net = net_of("resnet18", "rmac")
    graph = graph_of(net)
    assert graph.step is None
    assert graph.note.startswith("another size would need another graph (")
    batch = images(3, 3, 64, 96)
    assert parity(net.describe(batch), graph.program.module()(batch)).fits


def test_the_network_itself_stays_as_it_was():
    net = net_of("resnet18", "gem").train()
    net.multiscale = lambda describe, pixels: describe(pixels)
    copy = on_cpu(net)
    assert net.training
    assert any(parameter.requires_grad for parameter in net.parameters())
    assert net.multiscale is not None
    assert not copy.training
    assert copy.multiscale is None
    assert copy.digest() == net.digest()
    assert {parameter.device.type for parameter in copy.parameters()} == {"cpu"}
