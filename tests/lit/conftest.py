import pytest
from tiny import miner, tiny_data, tiny_module, tiny_net

from geoloc.data import loaders


@pytest.fixture
def tiny(mini_city, tmp_path):
    """(net, datamodule, module, mining callback)."""
    net = tiny_net()
    return net, tiny_data(mini_city), tiny_module(net, tmp_path), miner(tmp_path)


@pytest.fixture(autouse=True)
def _as_many_workers_as_asked_for(monkeypatch):
    """The mini city has too few images for any, and tests that ask for workers are to have them."""
    monkeypatch.setattr(loaders, "WORTH", dict.fromkeys(loaders.WORTH, 1))
