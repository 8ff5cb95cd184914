"""Which sizes of test images are refused at the start, scales in a whole test, and what a result says of both."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from mini import write_hard_city
from networks import small, spec_of
from test_views import judged
from tiny import TinyBackbone, miner, tiny_data, tiny_module, tiny_net, tiny_trainer

from geoloc.errors import InputError
from geoloc.lit.protocol import check_sizes, protocol_of
from geoloc.multiscale.pyramid import Pyramid
from geoloc.multiscale.random_crop import RandomCrop
from geoloc.multiscale.scaling import at_scales
from geoloc.net import DescriptorNet
from geoloc.views.central_crop import CentralCrop
from geoloc.views.five_crops import FiveCrops
from geoloc.views.hard_resize import HardResize
from geoloc.views.maj_voting import MajVoting
from geoloc.views.single_query import SingleQuery


def net_of(backbone, aggregator="gem", **changes):
    with torch.device("meta"):
        return DescriptorNet.from_spec(small(backbone, aggregator, **changes), load=False)


@pytest.mark.parametrize(
    ("backbone", "view", "multiscale"),
    [
        ("resnet18", SingleQuery(), Pyramid([1.0, 0.5])),
        ("resnet18", None, RandomCrop()),
        ("cct384", FiveCrops(), None),
        ("vit", CentralCrop(), Pyramid([1.0])),
        ("timm", FiveCrops(), Pyramid([1.0, 0.5])),  # patches of 16: 64x64, 64x96, 32x32 and 32x48
    ],
)
def test_sizes_that_fit(backbone, view, multiscale):
    check_sizes(net_of(backbone), view, multiscale)


@pytest.mark.parametrize(
    ("backbone", "view", "multiscale", "message"),
    [
        (
            "cct384",
            SingleQuery(),
            None,
            "views=single_query: a query may come to 384x385 pixels, but backbone=cct384 takes [384,384] only, not"
            " [384,385]; use views=hard_resize or views=central_crop, or a backbone that takes all sizes, such as"
            " resnet18",
        ),
        (
            "timm",
            SingleQuery(),
            None,
            "views=single_query: a query may come to 64x65 pixels, but vit_tiny_patch16_224 takes multiples",
        ),
        (
            "vit",
            None,
            Pyramid([1.0, 0.5]),
            "multiscale: scale 0.5 of 224x224 pixels gives 112x112, but backbone=vit with backbone.size=224 takes",
        ),
        (
            "timm",
            None,
            RandomCrop(),
            "multiscale: a share of 0.6667 x 0.6719 of 64x96 pixels gives 43x64, but vit_tiny_patch16_224 takes",
        ),
        (
            "resnet18",
            None,
            Pyramid([0.35, 1.0]),
            "multiscale: scale 0.35 of 64x96 pixels gives 22x34, but each side must have at least 32; leave that one"
            " out, or use a larger image_size or multiscale=none",
        ),
    ],
)
def test_sizes_that_do_not(backbone, view, multiscale, message):
    with pytest.raises(InputError) as caught:
        check_sizes(net_of(backbone), view, multiscale)
    assert str(caught.value).startswith(message)


def test_an_aggregator_of_one_size_takes_no_other():
    net = net_of("resnet18", "mixvpr")
    check_sizes(net, CentralCrop(), None)
    for shown, part in (
        (FiveCrops(), "views=five_crops: a query may come to 64x64 pixels"),
        (None, "multiscale: scale"),
    ):
        with pytest.raises(InputError) as caught:
            check_sizes(net, shown, None if shown else Pyramid([1.0, 0.5]))
        assert str(caught.value).startswith(part)
        assert "but MixVPR was built for images of [64,96] alone; use" in str(caught.value)
        assert str(caught.value).endswith("or an aggregator that takes all sizes, such as netvlad")


def test_crops_of_a_view_are_scaled_too():
    net = DescriptorNet.from_spec(spec_of(size=(64, 160), aggregator="gem"))
    check_sizes(net, None, RandomCrop(height=1.0, width=0.25))  # 64x40
    with pytest.raises(InputError, match="of 64x64 pixels gives 64x16"):
        check_sizes(net, FiveCrops(), RandomCrop(height=1.0, width=0.25))


def test_the_smallest_size_is_tried():
    class Picky(TinyBackbone):
        def forward(self, x):
            if x.shape[-1] < 60:
                raise RuntimeError("kernel larger than the map\nand more")
            return super().forward(x)

    net = tiny_net()
    net.backbone = Picky()
    check_sizes(net, FiveCrops(), None)
    with pytest.raises(InputError, match=r"cannot describe images of 32x32 pixels.*\(kernel larger than the map\)"):
        check_sizes(net, None, Pyramid([0.5, 1.0]))


def test_what_a_result_says():
    view, multiscale = MajVoting(0.02, [1, 3]), RandomCrop(seed=4)
    content = protocol_of((48, 64), view, multiscale)
    assert json.loads(json.dumps(content)) == {
        "image_size": [48, 64],
        "resampling": "bilinear, antialiased",
        "decode": "full",
        "views": {
            "name": "maj_voting",
            "_target_": "geoloc.views.maj_voting.MajVoting",
            "weight": 0.02,
            "passes": [1, 3],
        },
        "multiscale": {
            **{"name": "random_crop", "_target_": "geoloc.multiscale.random_crop.RandomCrop"},
            **{"count": 5, "height": 2 / 3, "width": 430 / 640, "p": 1.0, "seed": 4},
        },
    }
    assert protocol_of((48, 64), HardResize(), None)["multiscale"] is None
    assert protocol_of((4, 6), HardResize(), Pyramid([2.0, 1.0]))["multiscale"]["scales"] == [1.0, 2.0]


@pytest.mark.parametrize("multiscale", [Pyramid([1.0, 0.5]), RandomCrop()])
def test_scales_are_of_both_sides_and_of_all_crops(mini_city, tmp_path, multiscale):
    module = tiny_module(tiny_net(), tmp_path, keep_descriptors=True, multiscale=multiscale)
    data = tiny_data(mini_city, view=FiveCrops())
    tiny_trainer(tmp_path, []).test(module, datamodule=data, verbose=False)
    net, (loader,) = tiny_net(), data.test_dataloader()
    left = np.load(tmp_path / "descriptors" / "mini.npy")
    assert len(left) == 12 + 30
    with at_scales(net, multiscale):
        for groups in loader:
            for images, rows in groups:
                assert left[rows.numpy()] == pytest.approx(net.describe(images).numpy(), abs=1e-6)
    assert np.linalg.norm(left, axis=1) == pytest.approx(np.ones(42), abs=1e-5)
    shown = protocol_of((64, 64), FiveCrops(), multiscale)
    assert module.results["mini"].protocol == shown | {"extraction": {"precision": "exact", "lowest_cosine": 1.0}}
    assert module.net.multiscale is None


def test_scales_never_reach_training_or_validation(tmp_path):
    """Fault 47 of the benchmark's successor: they took part in the choice of the best checkpoint."""
    city, seen = write_hard_city(tmp_path / "mini"), []
    for multiscale in (None, Pyramid([0.5, 1.5])):
        net, data = tiny_net(), tiny_data(city)
        trainer = tiny_trainer(tmp_path, [miner(tmp_path)], 1)
        trainer.fit(tiny_module(net, tmp_path, multiscale=multiscale), datamodule=data)
        recalls = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")}
        seen.append((recalls, {name: value.tolist() for name, value in net.state_dict().items()}))
    assert "val/mini/R1" in seen[0][0]
    assert seen[0] == seen[1]


def test_a_test_that_breaks_leaves_one_scale(mini_city, tmp_path):
    net = tiny_net()
    module = tiny_module(net, tmp_path, multiscale=Pyramid([0.5, 1.0]))
    net.aggregator.forward = lambda features: 1 / 0
    with pytest.raises(ZeroDivisionError):
        tiny_trainer(tmp_path, []).test(module, datamodule=tiny_data(mini_city), verbose=False)
    assert net.multiscale is None


def test_validation_keeps_its_own_protocol(mini_city, tmp_path):
    module = tiny_module(tiny_net(), tmp_path, multiscale=Pyramid([0.5, 1.0]))
    seen = []
    finish = module.evaluation.finish
    module.evaluation.finish = lambda *how: seen.extend(finish(*how)) or seen
    tiny_trainer(tmp_path, []).validate(module, datamodule=tiny_data(mini_city, view=MajVoting()), verbose=False)
    shown = protocol_of((64, 64), HardResize(), None)
    assert [result.protocol for result in seen] == [
        shown | {"extraction": {"precision": "exact", "lowest_cosine": 1.0}}
    ]


def test_the_default_result(mini_city, tmp_path):
    result, _ = judged(mini_city, tmp_path, None)
    assert result.protocol["views"]["name"] == "hard_resize"
