"""What is said of how far an exported network is from the network itself."""

import math

import pytest
import torch
from networks import images, small

from geoloc.export.parity import check_sizes, described, noise, parity, same_nearest
from geoloc.net import DescriptorNet


def test_differences_are_parts_of_the_length_of_the_descriptor():
    own = torch.tensor([[3.0, 4.0], [1.0, 0.0]])  # of length 5 and 1
    other = torch.tensor([[3.0, 4.5], [1.0, 0.0]])
    found = parity(own, other)
    assert found.images == 2
    assert found.difference == pytest.approx(0.5 / 5)
    assert found.cosine == pytest.approx((9 + 18) / (5 * math.hypot(3, 4.5)))
    assert not found.fits
    assert found.facts()["within_tolerance"] is False


@pytest.mark.parametrize(("error", "fits"), [(0.0, True), (9e-5, True), (1.1e-4, False), (float("nan"), False)])
def test_the_tolerance(error, fits):
    own = torch.eye(4)[:1]
    assert parity(own, own + torch.tensor([[0, error, 0, 0]])).fits is fits


def test_a_small_error_of_every_value_is_beyond_the_tolerance_by_the_cosine():
    own = torch.full((1, 1600), 1 / 40)  # of length 1
    other = own + 9e-5 * torch.tensor([1.0, -1.0]).repeat(800)
    # |error| = 9e-5 * 40 = 3.6e-3, at right angles to the descriptor: the cosine is 1 / sqrt(1 + 1.3e-5) = 0.9999935.
    found = parity(own, other)
    assert found.difference == pytest.approx(9e-5, rel=1e-3)
    assert found.cosine == pytest.approx(0.9999935, abs=1e-7)
    assert not found.fits


def test_the_nearest_photo_by_both():
    database = torch.tensor([[0.0], [10.0]])
    own = database, torch.tensor([[1.0], [9.0], [4.9], [5.1]])
    other = database, torch.tensor([[1.0], [9.0], [5.1], [5.2]])  # the third now is nearer to the second
    assert same_nearest(own, other) == 0.75


def test_batches_are_put_together_in_order():
    seen = []

    def run(part):
        seen.append(len(part))
        return part.flatten(1)[:, :1].float()

    batch = images(7, 3, 2, 2)
    assert torch.equal(described(run, batch, batch=3), batch[:, 0, 0, :1].float())
    assert seen == [3, 3, 1]


def test_a_graph_that_disagrees_at_another_size_is_found_out():
    net = DescriptorNet.from_spec(small("resnet18", "gem")).eval()
    check_sizes(net.describe, net, [(64, 64), (70, 90)])

    def cut(pixels):  # what a graph does whose size is written into it
        return net.describe(pixels[:, :, :64, :64])

    check_sizes(cut, net, [(64, 64)])
    with pytest.raises(ValueError, match="other descriptors than the network's at 70x90 pixels"):
        check_sizes(cut, net, [(64, 64), (70, 90)])


def test_invented_images_differ_and_are_the_same_each_time():
    batch = noise(3, 40, 60)
    assert batch.shape == (3, 3, 40, 60)
    assert batch.dtype == torch.uint8
    assert torch.equal(batch, noise(3, 40, 60))
    assert not torch.equal(batch[0], batch[1])
