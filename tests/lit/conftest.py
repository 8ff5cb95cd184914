import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from tiny import miner, tiny_data, tiny_module, tiny_net


@pytest.fixture
def tiny(mini_city, tmp_path):
    """(net, datamodule, module, mining callback)."""
    net = tiny_net()
    return net, tiny_data(mini_city), tiny_module(net, tmp_path), miner(tmp_path)
