"""Learning rates of parts of the network, and whitening after training."""

import pytest
import torch
from tiny import tiny_data, tiny_module, tiny_net, tiny_trainer

from geoloc.errors import InputError
from geoloc.lit.parameter_groups import parameter_groups
from geoloc.lit.whitening import check_whitening, fit_whitening

PCA = {"_target_": "geoloc.heads.whitening.PCA", "dim": 5, "whiten": True, "images": 1000}


def test_each_part_gets_its_rate_and_frozen_ones_none():
    net = tiny_net()
    groups = parameter_groups(net, {"backbone": 0.1, "second": 2.0, "aggregator": 1.0, "head": 1.0})
    named = {id(parameter): name for name, parameter in net.named_parameters()}
    found = {group["factor"]: sorted(named[id(p)] for p in group["params"]) for group in groups}
    assert found == {
        2.0: ["backbone.second.0.weight", "backbone.second.1.bias", "backbone.second.1.weight"],  # the innermost counts
        1.0: ["aggregator.assignment", "aggregator.centroids"],
    }


def test_a_factor_of_a_part_without_parameters_is_refused():
    with pytest.raises(InputError, match=r"lr_factors\.head: this network trains no parameter there"):
        parameter_groups(tiny_net(), {"head": 0.5})


def test_rates_are_times_the_optimizers_and_move_with_the_scheduler(mini_city, tmp_path):
    module = tiny_module(
        tiny_net(),
        tmp_path,
        lr_factors={"backbone": 0.1},
        scheduler=lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5),
    )
    from tiny import miner

    trainer = tiny_trainer(tmp_path, [miner(tmp_path)], 1)
    trainer.fit(module, datamodule=tiny_data(mini_city))
    rates = {group["factor"]: group["lr"] for group in trainer.optimizers[0].param_groups}
    assert rates == pytest.approx({0.1: 0.5e-3, 1.0: 0.5e-2})


def test_whitening_is_fitted_on_the_train_database_and_kept(mini_city, tmp_path):
    from networks import spec_of

    import geoloc
    from geoloc.net import DescriptorNet

    net = DescriptorNet.from_spec(spec_of(aggregator__clusters=4, size=(64, 64)))
    data = tiny_data(mini_city)
    trainer = tiny_trainer(tmp_path, [])
    check_whitening(net, PCA, data)
    images = torch.stack([data.photos(data.train_domain).dataset[row][0] for row in range(12)])  # its database
    before = net.describe(images).double()
    fit_whitening(net, PCA, data, trainer, seed=0)
    assert net.out_dim == 5
    after = net.describe(images)
    # The same by a singular value decomposition; directions may point either way.
    centred = before - before.mean(dim=0)
    _, values, directions = torch.linalg.svd(centred, full_matrices=False)
    expected = torch.nn.functional.normalize(centred @ directions[:5].T / values[:5], dim=1)
    signs = (after.double() * expected).sum(dim=0).sign()
    assert torch.allclose(after.double(), expected * signs, atol=1e-3)
    net.save(tmp_path)
    assert torch.equal(geoloc.load(tmp_path).describe(images), after)
    with pytest.raises(InputError, match="has its whitening already"):
        check_whitening(net, PCA, data)
    net.drop_whitening()
    assert torch.equal(net.describe(images).double(), before)
    assert "whitening" not in net.spec


def test_whitening_that_cannot_be_fitted_is_refused_before_training(mini_city):
    net, data = tiny_net(), tiny_data(mini_city)
    with pytest.raises(InputError, match=r"whitening\.dim=33: the descriptor has 32 values only"):
        check_whitening(net, {**PCA, "dim": 33}, data)
    with pytest.raises(
        InputError, match=r"whitening\.dim=12: must be below the number of .* 12; whitening\.dim=6 would"
    ):
        check_whitening(net, {**PCA, "dim": 12}, data)
