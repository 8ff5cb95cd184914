import pytest
import torch

from geoloc.lit.module import triplet_rows
from geoloc.losses.triplet import Triplet


def test_by_hand():
    # Distances query-positive 0.3, query-negatives 0.35 and 0.9: violations 0.05 and 0 with margin 0.1.
    d = torch.tensor([[0.0], [0.3], [0.35], [0.9]])
    loss = Triplet(margin=0.1)
    assert loss(d, triplet_rows(1, 2)).item() == pytest.approx(0.025)
    assert loss.active.item() == 0.5
    # Squared: 0.09 - 0.1225 + 0.1 = 0.0675 and 0.
    assert Triplet(0.1, "squared_euclidean")(d, triplet_rows(1, 2)).item() == pytest.approx(0.03375)


def test_equals_the_benchmark_way():
    """Summed over negatives one after another, then divided by tuples times negatives."""
    torch.manual_seed(0)
    d = torch.randn(4 * 12, 16)
    margin = torch.nn.TripletMarginLoss(margin=0.1, p=2, reduction="sum", eps=0)
    tuples = d.view(4, 12, 16)
    slow = sum(margin(tuples[:, 0], tuples[:, 1], tuples[:, 2 + n]) for n in range(10)) / (4 * 10)
    assert Triplet()(d, triplet_rows(4, 10)).item() == pytest.approx(float(slow), rel=1e-5)


def test_two_views_of_a_query_count_as_two_queries():
    """The mean of what each view gives alone."""
    torch.manual_seed(0)
    d = torch.randn(3 * 7, 16)  # 3 tuples: 2 views, positive, 4 negatives
    tuples = d.view(3, 7, 16)
    first, second = (Triplet()(tuples[:, [view, *range(2, 7)]].flatten(0, 1), triplet_rows(3, 4)) for view in (0, 1))
    assert Triplet()(d, triplet_rows(3, 4, views=2)).item() == pytest.approx(float(first + second) / 2, rel=1e-5)


def test_satisfied_triplets_give_zero_and_no_nan():
    d = torch.tensor([[0.0], [0.0], [9.0]], requires_grad=True)
    loss = Triplet()(d, triplet_rows(1, 1))
    loss.backward()
    assert loss.item() == 0
    assert d.grad.tolist() == [[0], [0], [0]]


def test_a_margin_of_zero_is_refused():
    with pytest.raises(ValueError, match="margin must be above 0"):
        Triplet(margin=0)
