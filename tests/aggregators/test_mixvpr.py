import re

import numpy as np
import pytest
import torch
from networks import images, small

import geoloc
from geoloc.aggregators.mixvpr import MixVPR
from geoloc.checkpoints import load_network
from geoloc.errors import InputError
from geoloc.features import Features
from geoloc.net import DescriptorNet


def test_it_is_the_paper_s_formula():
    """Against loops over images, channels and positions, in double precision."""
    torch.manual_seed(0)
    made = MixVPR(5, (3, 4), channels=3, rows=2, depth=2, ratio=1.5)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    maps = torch.randn(2, 5, 3, 4)
    weights = {name: value.double().numpy() for name, value in made.state_dict().items()}
    expected = np.zeros((2, 3, 2))
    for image in range(2):
        x = maps[image].double().numpy().reshape(5, 12)
        for depth in range(2):
            own = {name[len("mixers.0.") :]: w for name, w in weights.items() if name.startswith(f"mixers.{depth}.")}
            for channel in range(5):
                row = x[channel]
                z = (row - row.mean()) / np.sqrt(row.var() + 1e-5) * own["norm.weight"] + own["norm.bias"]
                hidden = np.maximum(own["first.weight"] @ z + own["first.bias"], 0)
                assert hidden.shape == (18,)
                x[channel] = row + own["second.weight"] @ hidden + own["second.bias"]
        for out in range(3):
            mixed = sum(weights["to_channels.weight"][out, c] * x[c] for c in range(5))
            mixed += weights["to_channels.bias"][out]
            expected[image, out] = weights["to_rows.weight"] @ mixed + weights["to_rows.bias"]
    expected = expected.reshape(2, 6)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    with torch.no_grad():
        np.testing.assert_allclose(made(Features(maps)).numpy(), expected, atol=1e-5)
    assert made.out_dim == 6


def test_it_is_built_for_the_map_of_the_network():
    """480 x 640 gives 30 x 40 cells at stride 16; the published network 20 x 20 of 320 x 320."""
    for size, cells in (((480, 640), (30, 40)), ((320, 320), (20, 20))):
        with torch.device("meta"):
            net = DescriptorNet.from_spec({**small("resnet18", "mixvpr"), "image_size": list(size)})
        assert net.aggregator.cells == cells
        assert net.aggregator.to_rows.in_features == cells[0] * cells[1]
    assert net.out_dim == 4096


def test_other_sizes_are_refused(tmp_path):
    torch.manual_seed(0)
    net = DescriptorNet.from_spec(small("resnet18", "mixvpr"))
    assert net.describe(images(1, 3, 64, 96)).shape == (1, 4096)
    with pytest.raises(InputError, match=re.escape("image_size: MixVPR was built for images of [64,96] alone")):
        net.check_size(96, 64)
    with pytest.raises(ValueError, match=re.escape("built for maps of (4, 6) cells, not (6, 4)")):
        net.describe(images(1, 3, 96, 64))
    net.save(tmp_path)
    assert geoloc.load(tmp_path).aggregator.cells == (4, 6)
    typed = {**small("resnet18", "mixvpr"), "image_size": [64, 64]}
    with pytest.raises(InputError, match=re.escape("aggregator was trained for [64, 96] alone; leave image_size out")):
        load_network(tmp_path, typed, {"image_size"})


@pytest.mark.parametrize(
    "wrong",
    [{"channels": 0}, {"rows": -1}, {"ratio": 0.0}, {"ratio": float("nan")}, {"ratio": float("inf")}, {"depth": -1}],
)
def test_what_makes_no_network(wrong):
    with pytest.raises(InputError, match="MixVPR takes channels, rows and ratio above 0 and depth from 0, not"):
        MixVPR(8, (2, 3), **wrong)
