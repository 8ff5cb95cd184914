import math

import pytest
import torch

from geoloc.lit.module import triplet_rows
from geoloc.losses.metric_learning import MetricLearning
from geoloc.losses.sare_ind import SareInd
from geoloc.losses.sare_joint import SareJoint


def test_by_hand():
    # Squared distances: positive 1, negatives 4 and 9.
    d = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    triplets = triplet_rows(1, 2)
    each = [-math.log(math.exp(-1) / (math.exp(-1) + math.exp(-n))) for n in (4, 9)]
    assert SareInd()(d, triplets).item() == pytest.approx(sum(each) / 2, rel=1e-5)
    joint = -math.log(math.exp(-1) / (math.exp(-1) + math.exp(-4) + math.exp(-9)))
    assert SareJoint()(d, triplets).item() == pytest.approx(joint / 2, rel=1e-5)


@pytest.mark.parametrize("negatives", [1, 3, 10, 17])
def test_equal_a_loop_over_tuples(negatives):
    torch.manual_seed(0)
    d = torch.randn(3 * (2 + negatives), 8, requires_grad=True)
    tuples = d.view(3, 2 + negatives, 8)
    distance = (tuples[:, :1] - tuples[:, 1:]).square().sum(dim=2)  # (3, 1 + n), the positive first
    joint = sum(-torch.log_softmax(-row, dim=0)[0] for row in distance) / (3 * negatives)
    single = sum(-torch.log_softmax(-torch.stack([row[0], n]), dim=0)[0] for row in distance for n in row[1:]) / (
        3 * negatives
    )
    triplets = triplet_rows(3, negatives)
    mixed = triplets[torch.randperm(len(triplets))]
    for loss, expected in ((SareJoint(), joint), (SareInd(), single)):
        value = loss(d, mixed)
        assert value.item() == pytest.approx(expected.item(), rel=1e-4)
        (own,) = torch.autograd.grad(value, d, retain_graph=True)
        (slow,) = torch.autograd.grad(expected, d, retain_graph=True)
        assert torch.allclose(own, slow, atol=1e-5)


def test_far_descriptors_do_not_overflow():
    d = torch.tensor([[0.0], [30.0], [1.0], [50.0]])
    assert SareJoint()(d, triplet_rows(1, 2)).item() == pytest.approx((900 - 1) / 2)
    assert SareInd()(d, triplet_rows(1, 2)).item() == pytest.approx((900 - 1) / 2)


def test_losses_of_pytorch_metric_learning_get_the_triplets():
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    distances = pytest.importorskip("pytorch_metric_learning.distances")
    distance = distances.LpDistance(normalize_embeddings=False)
    d = torch.tensor([[0.0], [0.3], [0.35], [0.9]])
    loss = MetricLearning(losses.TripletMarginLoss(margin=0.1, distance=distance))
    # Violations 0.05 and 0; this loss averages over the triplets that violate the margin.
    assert loss(d, triplet_rows(1, 2)).item() == pytest.approx(0.05)
