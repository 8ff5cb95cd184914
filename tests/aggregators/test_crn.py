import pytest
import torch
import torch.nn.functional as F

from geoloc.aggregators.crn import CRN
from geoloc.aggregators.netvlad import NetVLAD
from geoloc.features import Features


def maps(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_the_mask_weights_the_assignment():
    """Against a loop over clusters and positions."""
    torch.manual_seed(0)
    crn, x = CRN(6, clusters=3), maps(2, 6, 4, 5)
    unit = F.normalize(x, dim=1)
    mask = crn.mask(unit)
    assert mask.shape == (2, 1, 4, 5)
    assert (mask >= 0).all()
    expected = torch.zeros(2, 3, 6)
    for image in range(2):
        for row in range(4):
            for column in range(5):
                local = unit[image, :, row, column]
                soft = torch.softmax(crn.assignment @ local, dim=0) * mask[image, 0, row, column]
                expected[image] += soft[:, None] * (local - crn.centroids)
    expected = F.normalize(F.normalize(expected, dim=2).flatten(1), dim=1)
    assert torch.allclose(crn(Features(x)), expected, atol=1e-5)


def test_a_mask_of_ones_is_netvlad():
    torch.manual_seed(0)
    crn, netvlad, x = CRN(6, clusters=3), NetVLAD(6, clusters=3), Features(maps(1, 6, 4, 4))
    netvlad.load_state_dict({k: v for k, v in crn.state_dict().items() if not k.startswith("mask.")})
    crn.mask.forward = lambda x: torch.ones(1, 1, 4, 4)
    assert torch.allclose(crn(x), netvlad(x), atol=1e-6)


@pytest.mark.parametrize("size", [(15, 20), (29, 39), (30, 40), (2, 3)])
def test_odd_maps_fit_too(size):
    """The mask is made at half the resolution and scaled back to exactly the map's."""
    assert CRN(4, clusters=2)(Features(maps(1, 4, *size))).shape == (1, 8)
