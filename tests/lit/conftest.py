import pytest
from tiny import miner, tiny_data, tiny_module, tiny_net


@pytest.fixture
def tiny(mini_city, tmp_path):
    """(net, datamodule, module, mining callback)."""
    net = tiny_net()
    return net, tiny_data(mini_city), tiny_module(net, tmp_path), miner(tmp_path)
