"""Faster ways to describe images give the same descriptors, or are not used."""

from __future__ import annotations

import gc
import logging
import warnings

import pytest
import torch
import torch.nn.functional as F
from networks import choices, small
from torch import nn

from geoloc.extraction import describer as describing
from geoloc.extraction import precision
from geoloc.extraction.describer import Describer
from geoloc.extraction.fast import lowest_cosine, twin
from geoloc.extraction.folding import folded
from geoloc.extraction.precision import fastest, ways_from
from geoloc.features import Features
from geoloc.multiscale.pyramid import Pyramid
from geoloc.net import DescriptorNet

SPEC = {
    "backbone": {"_target_": "geoloc.backbones.resnet.ResNet", "weights": "none"},
    "aggregator": {"_target_": "geoloc.aggregators.netvlad.NetVLAD", "clusters": 4},
    "image_size": [64, 96],
}


def some_net(**parts) -> DescriptorNet:
    """A network in eval mode whose batch norms are no identity."""
    torch.manual_seed(0)
    net = DescriptorNet.from_spec(SPEC | parts)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.1)
            layer.running_mean.normal_(std=0.1)
            layer.running_var.uniform_(0.5, 1.5)
    return net.eval()


def images(count: int = 3) -> torch.Tensor:
    return torch.randint(256, (count, 3, 64, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def test_a_folded_batch_norm_is_the_same_map_worked_out_by_hand():
    conv, norm = nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, eps=0.0)
    conv.weight.data.fill_(2.0)
    conv.bias.data.fill_(1.0)
    norm.running_mean.fill_(3.0)
    norm.running_var.fill_(4.0)
    norm.weight.data.fill_(6.0)
    norm.bias.data.fill_(0.5)
    found = folded(nn.Sequential(conv, norm).eval())
    # 6 (2 x + 1 - 3) / 2 + 0.5 = 6 x - 5.5
    assert found(torch.tensor([[[[1.0, 2.0]]]])).flatten().tolist() == [0.5, 6.5]
    assert not [layer for layer in found.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert not any(parameter.requires_grad for parameter in found.parameters())
    assert conv.weight.item() == 2.0


def test_a_resnet_loses_all_its_batch_norms():
    net = some_net()
    found = twin(net, "float32")
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in net.modules()) == 15
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in found.modules()) == 0
    assert net.describe(images()).numpy() == pytest.approx(found.describe(images()).numpy(), abs=2e-6)


@pytest.mark.parametrize("way", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", choices("backbone"))
def test_all_backbones_have_a_twin_that_agrees(name, way):
    net = DescriptorNet.from_spec(small(name, "gem")).eval()
    height, width = net.image_size
    shown = torch.randint(256, (2, 3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    found = Describer(way)
    found.take(net)
    with torch.inference_mode():
        assert lowest_cosine(found(shown), net(shown)) >= describing.LEAST[way]
    assert found.way == way


@pytest.mark.parametrize("way", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "name",
    ["resnet18", *(pytest.param(name, marks=pytest.mark.slow) for name in ("efficientnet_lite0", "vit", "cct384"))],
)
def test_copies_hold_no_memory_until_garbage_is_collected(name, way, monkeypatch):
    """There is one after each epoch, on a GPU too; of those that do not agree nothing stays either."""

    def size_of(tensor: torch.Tensor) -> int:
        try:
            return tensor.nbytes
        except RuntimeError:  # one without memory, as traces of other tests leave them
            return 0

    def held() -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of deprecated objects that are looked at
            return sum(size_of(each) for each in gc.get_objects() if isinstance(each, torch.Tensor))

    net = DescriptorNet.from_spec(small(name, "gem")).eval()
    shown = torch.randint(256, (2, 3, *net.image_size), dtype=torch.uint8)
    describe = Describer(way)
    monkeypatch.setitem(describing.LEAST, "bfloat16", 1.1)
    gc.collect()
    gc.disable()
    try:
        before = held()
        describe.take(net)
        with torch.inference_mode():
            described = describe(shown)
        once = held() - before
        assert once > 100_000
        describe.take(net)
        assert held() - before < once / 50
        with torch.inference_mode():
            assert torch.equal(describe(shown), described)
        assert held() - before < 1.05 * once
        assert all(parameter.numel() for parameter in net.parameters())
    finally:
        gc.enable()


def test_weights_are_taken_anew_and_the_rest_is_shared():
    net, describe = some_net(), Describer("float32")
    describe.take(net)
    with torch.inference_mode():
        before = describe(images())
    with torch.no_grad():
        net.backbone.conv1.weight.mul_(-1)
        net.aggregator.centroids.add_(0.5)
    describe.take(net)
    with torch.inference_mode():
        after = describe(images())
    assert not torch.allclose(before, after, atol=1e-3)
    assert after.numpy() == pytest.approx(net.describe(images()).numpy(), abs=2e-6)


def test_scales_reach_the_twin_and_leave_it():
    net, describe = some_net(), Describer("float32")
    describe.take(net)
    with torch.inference_mode():
        net.multiscale = Pyramid([1.0, 0.5])
        scaled, wanted = describe(images()), net(images())
        net.multiscale = None
        plain = describe(images())
    assert scaled.numpy() == pytest.approx(wanted.numpy(), abs=2e-6)
    assert plain.numpy() == pytest.approx(net.describe(images()).numpy(), abs=2e-6)
    assert not torch.allclose(scaled, plain, atol=1e-3)


def test_a_precision_that_changes_descriptors_is_not_used(monkeypatch, caplog):
    monkeypatch.setitem(describing.LEAST, "bfloat16", 1.1)
    net, describe = some_net(), Describer("bfloat16")
    describe.take(net)
    with caplog.at_level(logging.WARNING), torch.inference_mode():
        describe(images())
    assert describe.facts()["precision"] == "float32"
    assert "extraction in bfloat16 would change the descriptors of this network (cosine" in caplog.text
    monkeypatch.setitem(describing.LEAST, "float32", 1.1)
    describe.take(net)
    with torch.inference_mode():
        assert torch.equal(describe(images()), net(images()))
    assert describe.facts() == {"precision": "exact", "lowest_cosine": 1.0}


def test_what_nobody_asked_for_has_to_agree_better(monkeypatch, caplog):
    monkeypatch.setattr(precision, "fastest", lambda device: "bfloat16")
    net = some_net()
    cosine = lowest_cosine(twin(net, "bfloat16").describe(images()), net.describe(images()))
    assert describing.LEAST["bfloat16"] < cosine < 1
    for unasked, way in ((cosine - 1e-9, "bfloat16"), ((1 + cosine) / 2, "float32")):
        monkeypatch.setattr(describing, "UNASKED", unasked)
        describe = Describer("auto")
        describe.take(net)
        with caplog.at_level(logging.INFO), torch.inference_mode():
            describe(images())
        assert describe.way == way
    assert "extraction in bfloat16 would change the descriptors" in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_it_is_warned_once_and_not_after_each_epoch(monkeypatch, caplog):
    monkeypatch.setitem(describing.LEAST, "bfloat16", 1.1)
    net, describe = some_net(), Describer("bfloat16")
    with caplog.at_level(logging.INFO), torch.inference_mode():
        for _ in range(3):
            describe.take(net)
            describe(images())
    assert caplog.text.count("extraction in bfloat16 would change") == 1
    assert caplog.text.count("descriptors are computed in float32; cosine to the network's own at least") == 1


@pytest.mark.parametrize("way", ["exact", "float32"])
def test_mixed_precision_of_the_trainer_changes_no_descriptor(way, caplog):
    net, describe = some_net(), Describer(way)
    describe.take(net)
    with caplog.at_level(logging.INFO), torch.inference_mode():
        with torch.autocast("cpu", torch.bfloat16):
            mixed, found = net(images()), describe(images())
        own = net(images())
    assert found.numpy() == pytest.approx(own.numpy(), abs=2e-6)
    assert (mixed - own).abs().max() > 2e-5
    assert describe.way == way
    said = "by the network as it is, in float32\n" if way == "exact" else "in float32; cosine"
    assert f"descriptors are computed {said}" in caplog.text


class Only32(nn.Module):
    """A backbone that neither torch.fx nor bfloat16 gets along with."""

    mean, std, out_channels, stride = (0.5, 0.5, 0.5), (0.2, 0.2, 0.2), 3, 8

    def forward(self, x: torch.Tensor) -> Features:
        if x.dtype != torch.float32:
            raise TypeError("float32 alone")
        return Features(F.avg_pool2d(x if float(x.mean()) > -9 else -x, 8))


def test_a_foreign_backbone_falls_back(caplog):
    from geoloc.aggregators.spoc import SPoC

    net, describe = DescriptorNet(Only32(), SPoC(3), (64, 96)).eval(), Describer("bfloat16")
    describe.take(net)
    with caplog.at_level(logging.WARNING), torch.inference_mode():
        assert describe(images()).numpy() == pytest.approx(net(images()).numpy(), abs=1e-6)
    assert describe.way == "float32"
    assert "extraction in bfloat16 is not possible for this network (float32 alone)" in caplog.text


def test_a_network_that_has_diverged_is_left_as_it_is(caplog):
    net, describe = some_net(), Describer("auto")
    with torch.no_grad():
        net.backbone.conv1.weight.fill_(float("nan"))
    describe.take(net)
    with caplog.at_level(logging.WARNING), torch.inference_mode():
        assert describe(images()).isnan().all()
    assert caplog.text == ""


def test_the_fastest_precision_goes_by_the_processor(monkeypatch):
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    for amx, wanted in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda amx=amx: amx)
        assert fastest(cpu) == wanted
    for capability, wanted in (((9, 0), "bfloat16"), ((8, 0), "bfloat16"), ((7, 5), "float32")):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, found=capability: found)
        assert fastest(gpu) == wanted
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    assert fastest(cpu) == "float32"


def allowed() -> bool:
    """Whether a GPU would multiply in TF32 now, which holds for convolutions as for matrices inside geoloc."""
    convolutions, matrices = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision() == "high"
    assert convolutions == matrices
    return convolutions


class Watching(nn.Module):
    """A backbone that notes whether convolutions of a GPU might be in TF32 while it runs."""

    mean, std, out_channels, stride = (0.5, 0.5, 0.5), (0.2, 0.2, 0.2), 3, 8
    seen: list[bool] = []  # noqa: RUF012 - shared with its copies

    def forward(self, x: torch.Tensor) -> Features:
        if float(x.mean()) > -9:  # which torch.fx would leave out otherwise
            self.seen.append(allowed())
        return Features(F.avg_pool2d(x, 8))


@pytest.mark.parametrize("way", ["exact", "float32", "tf32", "auto"])
def test_tf32_is_for_those_who_ask_and_never_after_the_backbone(way, monkeypatch):
    from geoloc.aggregators.spoc import SPoC

    class Watched(SPoC):
        def forward(self, features):
            after.append(allowed())
            return super().forward(features)

    after: list[bool] = []
    monkeypatch.setattr(precision, "has_tf32", lambda device: True)
    monkeypatch.setattr(precision, "fastest", lambda device: "tf32")
    monkeypatch.setattr(Watching, "seen", [])
    net, describe = DescriptorNet(Watching(), Watched(3), (64, 96)).eval(), Describer(way)
    describe.take(net)
    with torch.inference_mode():
        describe(images())
    # The network itself first, then, if there is one, the twin that is compared with it, then the way that was chosen.
    wanted = {"exact": [False] * 2, "float32": [False] * 3, "tf32": [False, True, True], "auto": [False, True, True]}
    assert Watching.seen == wanted[way]
    assert not any(after)
    assert torch.backends.cudnn.allow_tf32  # as torch has it, who distinguishes
    assert torch.get_float32_matmul_precision() == "highest"
    assert describe.way == {"auto": "tf32"}.get(way, way)


def test_tf32_on_a_device_without_it_is_said_and_not_used(caplog):
    net, describe = some_net(), Describer("tf32")
    describe.take(net)
    with caplog.at_level(logging.WARNING), torch.inference_mode():
        describe(images())
    assert describe.way == "float32"
    assert "extraction in tf32 is not possible on this device (cpu); GPUs since Ampere have it" in caplog.text


def test_what_is_tried_goes_by_device_and_wish(monkeypatch):
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert ways_from("auto", gpu) == ways_from("bfloat16", gpu) == ["bfloat16", "tf32", "float32"]
    assert ways_from("tf32", gpu) == ["tf32", "float32"]
    assert ways_from("auto", cpu) == ["bfloat16", "float32"]
    assert ways_from("exact", gpu) == []
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 0))
    assert ways_from("auto", gpu) == ways_from("tf32", gpu) == ["float32"]
