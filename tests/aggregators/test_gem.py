import pytest
import torch

from geoloc.aggregators.gem import GeM
from geoloc.features import Features


@pytest.mark.parametrize(("p", "expected"), [(1.0, 2.0), (3.0, ((1 + 27) / 2) ** (1 / 3)), (50.0, 3 * 0.5 ** (1 / 50))])
def test_by_hand(p, expected):
    out = GeM(1, p=p)(Features(torch.tensor([1.0, 3.0]).view(1, 1, 1, 2)))
    assert out.item() == pytest.approx(expected, rel=1e-4)


def test_negative_activations_count_as_eps():
    out = GeM(1, p=1.0, eps=0.5)(Features(torch.tensor([-4.0, 1.5]).view(1, 1, 1, 2)))
    assert out.item() == pytest.approx(1.0)


def test_half_precision_maps_do_not_overflow():
    out = GeM(1)(Features(torch.full((1, 1, 2, 2), 60.0, dtype=torch.float16)))  # 60 ** 3 exceeds float16
    assert out.item() == pytest.approx(60.0, rel=1e-3)
