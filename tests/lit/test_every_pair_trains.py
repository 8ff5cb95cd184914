"""Every backbone with every aggregator: a training step and a test on streets of the demo city."""

import numpy as np
import pytest
import torch
from networks import WITH_CLS, choices, small
from tiny import miner, tiny_module, tiny_trainer

from geoloc.data.demo_city import render
from geoloc.data.demo_city.plan import CityPlan, SplitPlan
from geoloc.data.domains import folder
from geoloc.lit.datamodule import PlaceDataModule
from geoloc.lit.initialise import Initialise
from geoloc.net import DescriptorNet

PLAN = CityPlan(
    tuple(SplitPlan(split, streets=2, places=3, queries=2, night=False) for split in ("train", "test")),
    rows=64,
    columns=96,
)


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    root = tmp_path_factory.mktemp("streets") / "demo"
    render.render_plan(root, PLAN, seed=0, scale=1, workers=1)
    return folder(root, "train"), folder(root, "test")


@pytest.mark.slow
@pytest.mark.parametrize("backbone", choices("backbone"))
@pytest.mark.parametrize("aggregator", choices("aggregator"))
def test_a_training_step_and_a_test(streets, backbone, aggregator, tmp_path):
    if aggregator == "cls" and backbone not in WITH_CLS:
        pytest.skip("refused: the backbone has no class token")
    torch.manual_seed(0)
    net = DescriptorNet.from_spec(small(backbone, aggregator))
    data = PlaceDataModule(streets[0], [], [streets[1]], net.image_size, num_workers=0, infer_batch_size=8)
    module = tiny_module(net, tmp_path)
    trainer = tiny_trainer(tmp_path, [Initialise(0), miner(tmp_path, queries=2, negatives=2)], 1)
    before = {name: value.clone() for name, value in net.named_parameters()}
    trainer.fit(module, datamodule=data)
    still = {n for n, p in net.named_parameters() if p.requires_grad and torch.equal(p, before[n])}
    # GeM's exponent and the like may stand still by chance of rounding; whole layers may not.
    assert not [name for name in still if before[name].ndim > 1 and "cls_token" not in name and "class_emb" not in name]
    trainer.test(module, datamodule=data, verbose=False)
    found = module.results["demo"]
    assert found.scores.queries == len(streets[1].queries)
    assert found.predictions.ids.shape == (len(streets[1].queries), min(5, len(streets[1].database)))
    assert np.isfinite(found.predictions.distances).all()
