import pytest
import torch
import torchvision

from geoloc.backbones.resnet import ResNet
from geoloc.errors import InputError


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of torchvision's ResNet-18 weights, as a user without a network would bring it."""
    torch.manual_seed(1)
    model = torchvision.models.resnet18(weights=None)
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(model.state_dict(), path)
    return path, model.eval()


@pytest.mark.parametrize(("cut", "layers"), [("conv4", -3), ("conv5", -2)])
def test_the_cuts_are_those_of_torchvision(weights, cut, layers):
    path, full = weights
    backbone = ResNet(18, cut, weights=str(path)).eval()
    images = torch.randn(2, 3, 64, 96)
    expected = torch.nn.Sequential(*list(full.children())[:layers])(images)
    assert torch.equal(backbone(images).map, expected)
    assert expected.shape == (2, backbone.out_channels, 64 // backbone.stride, 96 // backbone.stride)


@pytest.mark.parametrize(("cut", "trainable"), [("conv4", {"layer3"}), ("conv5", {"layer3", "layer4"})])
def test_early_layers_are_frozen_as_in_the_benchmark(weights, cut, trainable):
    backbone = ResNet(18, cut, weights=str(weights[0]))
    assert backbone.freeze == "early"
    assert {name.split(".")[0] for name, p in backbone.named_parameters() if p.requires_grad} == trainable


def test_frozen_batch_norm_does_not_drift(weights):
    backbone = ResNet(18, weights=str(weights[0])).train()
    before = {name: value.clone() for name, value in backbone.state_dict().items() if "running" in name}
    backbone(torch.randn(4, 3, 64, 64))
    after = backbone.state_dict()
    moved = {name.split(".")[0] for name, value in before.items() if not torch.equal(value, after[name])}
    assert moved == {"layer3"}
    assert not backbone.bn1.training
    assert backbone.layer3.training


def test_nothing_is_frozen_with_random_weights():
    assert all(p.requires_grad for p in ResNet(18, weights="none").parameters())
    assert ResNet(18, weights="none", freeze="early").freeze == "early"


def test_weights_that_do_not_fit_are_one_line(weights, tmp_path):
    with pytest.raises(InputError, match=r"weights of resnet50: does not fit this network: .* of another shape"):
        ResNet(50, weights=str(weights[0]))
    with pytest.raises(InputError, match="no such file of weights"):
        ResNet(18, weights=str(tmp_path / "gone.pth"))
    broken = tmp_path / "broken.pth"
    broken.write_bytes(b"text")
    with pytest.raises(InputError, match=r"broken\.pth: cannot be read as a file of weights"):
        ResNet(18, weights=str(broken))


def test_offline_without_a_cache_says_what_to_do(monkeypatch, tmp_path):
    from urllib.error import URLError

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def refuse(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr("torch.hub.urlopen", refuse)
    with pytest.raises(InputError, match=r"run once with a network, or give backbone.weights=PATH.*weights=none"):
        ResNet(18, weights="imagenet")
    assert ResNet(18, weights="imagenet", load=False).freeze == "early"  # nothing is fetched if a checkpoint follows


def test_fixed_statistics_stay_in_parts_that_are_trained():
    backbone = ResNet(18, weights="none")
    backbone.fixed_statistics = True
    backbone.train()
    norm = backbone.layer3[0].bn1
    assert backbone.layer3[0].training
    assert not norm.training
    assert norm.weight.requires_grad
    backbone(torch.randn(2, 3, 64, 64))
    assert (norm.running_mean == 0).all()
    backbone.fixed_statistics = False
    backbone.train()(torch.randn(2, 3, 64, 64))
    assert norm.training
    assert (norm.running_mean != 0).any()
