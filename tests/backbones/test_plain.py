"""AlexNet and VGG-16, and the benchmark's files of weights."""

import pytest
import torch
import torchvision

from geoloc.backbones.alexnet import AlexNet
from geoloc.backbones.resnet import ResNet
from geoloc.backbones.vgg16 import VGG16
from geoloc.errors import InputError


@pytest.mark.parametrize(
    ("kind", "architecture", "trained", "size"),
    [
        (AlexNet, "alexnet", ["6", "8", "10"], (29, 39)),
        pytest.param(VGG16, "vgg16", ["24", "26", "28"], (30, 40), marks=pytest.mark.slow),
    ],
)
def test_the_cut_is_that_of_the_benchmark(kind, architecture, trained, size, tmp_path):
    torch.manual_seed(0)
    full = getattr(torchvision.models, architecture)(weights=None).eval()
    torch.save(full.state_dict(), tmp_path / "weights.pth")
    backbone = kind(weights=str(tmp_path / "weights.pth")).eval()
    images = torch.randn(1, 3, 64, 96)
    expected = torch.nn.Sequential(*list(full.features.children())[:-2])(images)
    assert torch.equal(backbone(images).map, expected)
    assert expected.shape[1] == backbone.out_channels
    # The benchmark trains conv5 of VGG-16, and AlexNet from its third convolution on.
    assert sorted({n.split(".")[1] for n, p in backbone.named_parameters() if p.requires_grad}, key=int) == trained
    with torch.device("meta"):
        assert kind(weights="none")(torch.empty(1, 3, 480, 640)).map.shape[2:] == size
    assert all(p.requires_grad for p in kind(weights="none").parameters())


@pytest.mark.parametrize(("name", "classes"), [("places", 365), ("gldv2", 512)])
def test_weights_of_other_numbers_of_classes(name, classes, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match=rf"weights={name}: .*resnet18_{name}\.pth: no such file; put the benchmark's"):
        ResNet(18, weights=name)
    torch.manual_seed(0)
    full = torchvision.models.resnet18(weights=None, num_classes=classes)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(full.state_dict(), folder / f"resnet18_{name}.pth")
    for weights in (name, str(folder / f"resnet18_{name}.pth")):
        assert torch.equal(ResNet(18, weights=weights).layer3[0].conv1.weight, full.layer3[0].conv1.weight)
