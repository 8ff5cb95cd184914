"""The U-Net against names and sizes of the published weights, and a nested Sequential put together apart from it."""

import pytest
import torch
from torch import nn

from geoloc.errors import InputError
from geoloc.translate.patch import PatchDiscriminator
from geoloc.translate.unet import OwnStatistics, UNet, load_unet

BATCH_NORM = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]


def published_names():
    """Of unet_256 with batch normalisation: one outermost level, six middle ones, the innermost."""
    names = ["model.model.0.weight", "model.model.3.weight", "model.model.3.bias"]
    for level in (
        "model.model.1",
        "model.model.1.model.3",
        "model.model.1.model.3.model.3",
        "model.model.1.model.3.model.3.model.3",
        "model.model.1.model.3.model.3.model.3.model.3",
        "model.model.1.model.3.model.3.model.3.model.3.model.3",
    ):
        names += [f"{level}.model.1.weight", f"{level}.model.5.weight"]
        names += [f"{level}.model.{layer}.{part}" for layer in (2, 6) for part in BATCH_NORM]
    innermost = "model.model.1.model.3.model.3.model.3.model.3.model.3.model.3"
    names += [f"{innermost}.model.1.weight", f"{innermost}.model.3.weight"]
    return names + [f"{innermost}.model.4.{part}" for part in BATCH_NORM]


class Skip(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return torch.cat([x, self.model(x)], 1)


def independent(width, norm=nn.BatchNorm2d, bias=False):
    """U-Net-256 written out from the inside, with the channels of the paper's table for a width of 64."""

    def conv(n_in, n_out):
        return nn.Conv2d(n_in * width, n_out * width, 4, 2, 1, bias=bias)

    def up(n_in, n_out):
        return nn.ConvTranspose2d(n_in * width, n_out * width, 4, 2, 1, bias=bias)

    block = Skip([nn.LeakyReLU(0.2), conv(8, 8), nn.ReLU(), up(8, 8), norm(8 * width)])
    for outer, inner in ((8, 8), (8, 8), (8, 8), (4, 8), (2, 4), (1, 2)):
        down = [nn.LeakyReLU(0.2), conv(outer, inner), norm(inner * width)]
        block = Skip([*down, block, nn.ReLU(), up(2 * inner, outer), norm(outer * width)])
    first, last = nn.Conv2d(3, width, 4, 2, 1, bias=bias), nn.ConvTranspose2d(2 * width, 3, 4, 2, 1)
    whole = nn.Module()
    whole.model = nn.Module()
    whole.model.model = nn.Sequential(first, block, nn.ReLU(), last, nn.Tanh())
    return whole


def randomise(net, seed=0):
    """Weights and statistics that leave no layer without effect."""
    source = torch.Generator().manual_seed(seed)
    for name, value in net.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2.0, generator=source)
        elif value.is_floating_point():
            value.normal_(0, 0.3, generator=source)
    return net


def images(*shape, seed=1):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_the_full_network_has_the_published_names_and_number_of_parameters():
    with torch.device("meta"):
        net = UNet()
    assert sorted(net.state_dict()) == sorted(published_names())
    # The published training log says 54.414 M for the generator and 2.769 M for the discriminator.
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(54.414e6, abs=500)
    with torch.device("meta"):
        judge = PatchDiscriminator()
    assert sum(p.numel() for p in judge.parameters()) == pytest.approx(2.769e6, abs=500)


@pytest.mark.parametrize(
    ("norm", "bias"), [(nn.BatchNorm2d, False), (nn.InstanceNorm2d, True)], ids=["batch", "instance"]
)
def test_it_answers_as_the_independent_network(norm, bias):
    slow = randomise(independent(3, norm, bias)).eval()
    net = load_unet(slow.state_dict(), "file")
    x = images(2, 3, 256, 512)
    assert (net.multiple, net.training) == (256, False)
    assert not any(p.requires_grad for p in net.parameters())
    answer = net(x)
    assert answer.std() > 0.1
    torch.testing.assert_close(answer, slow.model.model(x), rtol=1e-4, atol=1e-5)


def test_statistics_of_each_image_are_those_of_a_batch_of_one():
    slow = randomise(independent(2))
    net = load_unet(slow.state_dict(), "file", statistics="image")
    x = images(2, 3, 256, 256)
    slow.train()  # it has no dropout, so only the statistics change
    expected = torch.cat([slow.model.model(x[:1]), slow.model.model(x[1:])])
    torch.testing.assert_close(net(x), expected, rtol=1e-4, atol=1e-5)
    assert sum(isinstance(layer, OwnStatistics) for layer in net.modules()) == 13


@pytest.mark.parametrize(("depth", "width", "norm"), [(2, 4, "batch"), (3, 5, "instance"), (5, 2, "batch")])
def test_depth_width_and_norm_are_found(depth, width, norm):
    net = randomise(UNet(depth, width, norm)).eval()
    found = load_unet(net.state_dict(), "file")
    x = images(1, 3, 32, 64)
    assert found.multiple == 2**depth
    assert torch.equal(found(x), net(x))


def test_dropout_acts_in_training_alone_and_on_three_levels():
    net = UNet(depth=8, width=1)
    assert [layer.p for layer in net.modules() if isinstance(layer, nn.Dropout)] == [0.5] * 3
    net = randomise(UNet(depth=6, width=2))
    x = images(1, 3, 64, 64)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


class TestOldFiles:
    def test_batches_that_were_not_counted(self):
        net = randomise(UNet(3, 2))
        state = {name: value for name, value in net.state_dict().items() if not name.endswith("tracked")}
        x = images(1, 3, 8, 8)
        assert torch.equal(load_unet(state, "old")(x), net.eval()(x))

    def test_unused_statistics_of_instance_normalisation(self):
        net = randomise(UNet(3, 2, "instance"))
        state = net.state_dict()
        for part, value in (("running_mean", 5.0), ("running_var", 9.0), ("num_batches_tracked", 3)):
            state[f"model.model.1.model.2.{part}"] = torch.tensor(value)
        x = images(1, 3, 8, 8)
        assert torch.equal(load_unet(state, "old")(x), net.eval()(x))


class TestRefusals:
    def test_another_network(self):
        with pytest.raises(
            InputError, match=r"^a\.pth: no pix2pix U-Net .* \(it has no convolution model\.model\.0\.weight"
        ):
            load_unet({"model.1.weight": torch.zeros(64, 3, 7, 7)}, "a.pth")

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda s: s.pop("model.model.3.bias"), r"1 missing \(model\.model\.3\.bias\)"),
            (lambda s: s.update(extra=torch.zeros(1)), r"1 unknown \(extra\)"),
            (lambda s: s.update({"model.model.3.bias": torch.zeros(1)}), r"1 of other shape \(model\.model\.3\.bias\)"),
            (
                lambda s: s.pop("model.model.1.model.2.running_var"),
                r"1 missing \(model\.model\.1\.model\.2\.running_var\)",
            ),
        ],
    )
    def test_a_tensor_that_is_missing_or_too_much(self, change, said):
        state = UNet(3, 2).state_dict()
        change(state)
        with pytest.raises(InputError, match=rf"^a\.pth: not the tensors of a pix2pix U-Net .*: {said}$"):
            load_unet(state, "a.pth")

    def test_one_level(self):
        with pytest.raises(ValueError, match="depth must be at least 2, not 1"):
            UNet(depth=1)
