"""`DescriptorNet.digest`: equal for networks that describe images alike, another one after any change."""

from __future__ import annotations

import pytest
import torch
from networks import images, spec_of

from geoloc.multiscale.pyramid import Pyramid
from geoloc.multiscale.scaling import at_scales
from geoloc.net import DescriptorNet


def net_of(seed=0, **changes):
    torch.manual_seed(seed)
    return DescriptorNet.from_spec(spec_of(**changes))


@pytest.fixture(scope="module")
def net():
    return net_of()


def test_it_is_the_same_after_save_and_load(net, tmp_path):
    net.save(tmp_path)
    again = DescriptorNet.load(tmp_path)
    assert again.digest() == net.digest() == net_of().digest()
    assert len(net.digest()) == 32
    again.to(memory_format=torch.channels_last).train()
    with at_scales(again, Pyramid([0.5, 1.0])):
        assert again.digest() == net.digest()


def test_it_follows_every_weight():
    net = net_of(aggregator="gem")
    seen = {net.digest()}
    for name, value in net.state_dict().items():
        if value.dtype.is_floating_point:
            with torch.no_grad():
                value.view(-1)[-1] += 0.5
            assert net.digest() not in seen, name
            seen.add(net.digest())
    assert net_of(seed=1, aggregator="gem").digest() not in seen


def test_it_follows_what_the_network_is(net):
    others = [
        net_of(size=(64, 64)),
        net_of(aggregator="spoc"),
        net_of(aggregator="mac"),  # no weights either
        net_of(aggregator="rmac"),
        net_of(aggregator="gem"),
        net_of(aggregator="gem", aggregator__eps=1e-3),
    ]
    assert len({net.digest(), *(other.digest() for other in others)}) == 7
    loose = net_of(size=(64, 64))
    loose.unit_length = False
    assert loose.digest() != others[0].digest()


def test_it_does_not_follow_where_the_weights_came_from(net):
    other = net_of()
    other.spec["backbone"]["weights"] = "/home/ann/start.pth"
    assert other.digest() == net.digest()


def test_it_does_not_follow_what_is_trained(net):
    frozen = net_of(backbone__freeze="early")
    assert frozen.digest() == net.digest()
    for parameter in frozen.parameters():
        parameter.requires_grad_(True)
    assert frozen.digest() == net.digest()


def test_it_follows_the_whitening(net):
    white = net_of()
    layer = white.add_whitening({"_target_": "geoloc.heads.whitening.PCA", "dim": 4})
    empty = white.digest()
    assert empty != net.digest()
    layer.fit(net.describe(images(6, 3, 64, 96)))
    assert white.digest() not in (empty, net.digest())
    white.drop_whitening()
    assert white.digest() == net.digest()
