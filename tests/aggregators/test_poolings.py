"""spoc, mac, rmac, rrm, cls, seqpool, and where local features are normalised."""

import math

import pytest
import torch
import torch.nn.functional as F

from geoloc.aggregators.cls import Cls
from geoloc.aggregators.gem import GeM
from geoloc.aggregators.mac import MAC
from geoloc.aggregators.rmac import RMAC, regions
from geoloc.aggregators.rrm import RRM
from geoloc.aggregators.seqpool import SeqPool
from geoloc.aggregators.spoc import SPoC
from geoloc.features import Features


def maps(*shape, seed=0):
    return Features(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)))


def test_mean_and_maximum_by_hand():
    features = Features(torch.tensor([[[[1.0, 3.0]], [[-2.0, -4.0]]]]))  # two channels, two positions
    assert SPoC(2)(features).tolist() == [[2, -3]]
    assert MAC(2)(features).tolist() == [[3, -2]]


def test_where_local_features_are_normalised():
    """Positions (3, 4) and (0, 2): before pooling they become (0.6, 0.8) and (0, 1)."""
    features = Features(torch.tensor([[[[3.0, 0.0]], [[4.0, 2.0]]]]))
    assert SPoC(2, l2="none")(features)[0].tolist() == pytest.approx([1.5, 3.0])
    assert SPoC(2, l2="before_pool")(features)[0].tolist() == pytest.approx([0.3, 0.9])
    assert SPoC(2, l2="after_pool")(features)[0].tolist() == pytest.approx(
        [1.5 / math.hypot(1.5, 3), 3 / math.hypot(1.5, 3)]
    )
    assert GeM(2, p=1.0, l2="before_pool")(features)[0].tolist() == pytest.approx([0.3, 0.9], abs=1e-5)


def test_regions_by_hand():
    """30 x 40 cells: of 2, 3, ... regions of side 30 along the longer side, 2 overlap by 2/3, the nearest to 0.4."""
    found = regions(30, 40, levels=3)
    assert found[:2] == [(0, 0, 30), (0, 10, 30)]
    assert [side for _, _, side in found] == [30] * 2 + [20] * 6 + [15] * 12
    assert found[2:8] == [(top, left, 20) for top in (0, 10) for left in (0, 10, 20)]
    assert [(left, top, side) for top, left, side in regions(40, 30)] == sorted(
        found, key=lambda r: (-r[2], r[1], r[0])
    )  # the other way round
    assert regions(4, 4, levels=1) == [(0, 0, 4)]
    assert regions(1, 1) == [(0, 0, 1)]


def test_regions_where_rounding_decides():
    """Worked out with the published formula in single precision."""
    assert [left for top, left, side in regions(5, 34) if (top, side) == (0, 3)] == [
        0,
        4,
        8,
        13,
        17,
        22,
        26,
        30,
    ]  # not 31
    # Two numbers of regions come equally near to the wanted overlap.
    assert [left for _, left, side in regions(10, 18) if side == 10] == [0, 8]
    assert [left for _, left, side in regions(11, 47) if side == 11] == [0, 6, 12, 18, 24, 30, 36]


@pytest.mark.parametrize("size", [(30, 40), (15, 20), (7, 7), (2, 9)])
def test_rmac_is_the_sum_of_unit_maxima(size):
    features = maps(2, 5, *size)
    expected = torch.zeros(2, 5)
    for image in range(2):
        whole = features.map[image]
        parts = [whole] + [whole[:, t : t + s, x : x + s] for t, x, s in regions(*size)]
        for part in parts:
            top = torch.tensor([float(channel.max()) for channel in part])
            expected[image] += top / (top.norm() + 1e-6)
    assert torch.allclose(RMAC(5)(features), expected, atol=1e-5)


def test_rrm_by_the_formula():
    torch.manual_seed(0)
    rrm, features = RRM(6), maps(2, 6, 3, 4)
    x = F.layer_norm(features.map.mean(dim=(2, 3)), (6,))
    x = x + F.linear(F.relu(F.linear(x, rrm.first.weight, rrm.first.bias)), rrm.second.weight, rrm.second.bias)
    x = F.layer_norm(x, (6,))
    assert torch.allclose(rrm(features), x / x.norm(dim=1, keepdim=True), atol=1e-6)


def test_seqpool_weights_positions():
    pool = SeqPool(2)
    with torch.no_grad():
        pool.attention_pool.weight.copy_(torch.tensor([[math.log(3.0), 0.0]]))
        pool.attention_pool.bias.zero_()
    # Scores log 3 and 0: weights 3/4 and 1/4 of positions (1, 0) and (0, 8).
    assert pool(Features(torch.tensor([[[[1.0, 0.0]], [[0.0, 8.0]]]])))[0].tolist() == pytest.approx([0.75, 2.0])


def test_cls_takes_the_token():
    token = torch.tensor([[1.0, 2.0]])
    assert Cls(2)(Features(torch.zeros(1, 2, 1, 1), token)) is token
