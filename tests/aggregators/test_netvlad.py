import numpy as np
import pytest
import torch
import torch.nn.functional as F

from geoloc.aggregators.netvlad import NetVLAD
from geoloc.errors import InputError
from geoloc.features import Features


def naive(layer, features):
    """The formula of the paper read literally: a loop over clusters, residuals written out."""
    x = F.normalize(features.map, dim=1).flatten(2)  # (B, C, P)
    scores = torch.einsum("kc,bcp->bkp", layer.assignment, x)
    assignment = scores.exp() / scores.exp().sum(dim=1, keepdim=True)
    rows = []
    for k, centroid in enumerate(layer.centroids):
        residual = x - centroid[None, :, None]  # (B, C, P)
        rows.append(F.normalize((residual * assignment[:, k : k + 1]).sum(dim=2), dim=1))
    return F.normalize(torch.cat(rows, dim=1), dim=1)


@pytest.mark.parametrize(("batch", "channels", "size", "clusters"), [(1, 8, (3, 5), 4), (12, 256, (30, 40), 64)])
def test_closed_form_equals_the_loop_over_clusters(batch, channels, size, clusters):
    torch.manual_seed(0)
    layer = NetVLAD(channels, clusters)
    layer.initialise(torch.randn(500, channels))
    features = Features(torch.randn(batch, channels, *size))
    assert layer.out_dim == clusters * channels
    difference = (layer(features) - naive(layer, features)).abs().max()
    assert difference < 1e-5


def test_gradients_equal_those_of_the_loop():
    torch.manual_seed(0)
    layer = NetVLAD(6, 3).double()
    x = torch.randn(2, 6, 4, 5, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 18, dtype=torch.float64)
    inputs = (x, layer.assignment, layer.centroids)
    ours = torch.autograd.grad((layer(Features(x)) * weights).sum(), inputs)
    slow = torch.autograd.grad((naive(layer, Features(x)) * weights).sum(), inputs)
    for a, b in zip(ours, slow, strict=True):
        assert torch.allclose(a, b, atol=1e-10)


def test_two_clusters_by_hand():
    layer = NetVLAD(2, 2)
    with torch.no_grad():
        layer.assignment.copy_(torch.tensor([[1000.0, 0], [0, 1000]]))  # hard assignment
        layer.centroids.copy_(torch.tensor([[0.0, 0], [0, 0.5]]))
    # Local features (3, 0) and (0, 2) become (1, 0) and (0, 1): residuals (1, 0) and (0, 0.5), both intra-normalised.
    out = layer(Features(torch.tensor([[3.0, 0], [0, 2.0]]).view(1, 2, 1, 2)))
    assert out.flatten().tolist() == pytest.approx([2**-0.5, 0, 0, 2**-0.5], abs=1e-6)


def test_clusters_come_from_the_sample():
    """Three tight groups of directions: the centres are their means, and assignment is nearly hard."""
    rng = np.random.default_rng(0)
    directions = np.eye(5)[:3]
    sample = np.repeat(directions, 50, axis=0) + 0.01 * rng.normal(size=(150, 5))
    layer = NetVLAD(5, 3)
    before = layer.centroids.data_ptr()
    layer.initialise(torch.from_numpy(sample * rng.uniform(1, 9, (150, 1))), seed=1)
    order = layer.centroids.detach().argmax(dim=1).argsort()
    assert torch.allclose(layer.centroids[order], torch.from_numpy(directions).float(), atol=0.01)
    assert layer.centroids.data_ptr() == before  # in place: an optimizer made before keeps hold of it
    # alpha = -ln(0.01) / mean(nearest - second nearest) = 4.605 / about 1
    assert layer.assignment.norm(dim=1).detach().numpy() == pytest.approx(np.full(3, 4.605), rel=0.03)


def test_the_same_seed_gives_the_same_clusters():
    sample = torch.randn(300, 8, generator=torch.Generator().manual_seed(0))
    first, again = NetVLAD(8, 16), NetVLAD(8, 16)
    first.initialise(sample, seed=3)
    again.initialise(sample, seed=3)
    assert torch.equal(first.centroids, again.centroids)


def test_fewer_local_features_than_clusters():
    with pytest.raises(InputError, match=r"50 local features cannot be clustered into 64 clusters.*clusters=12"):
        NetVLAD(8, 64).initialise(torch.randn(50, 8))


def test_memory_of_one_tuple_stays_far_below_the_tensor_of_residuals():
    """12 images, 64 clusters, 256 channels, 30 x 40: the residuals alone would take 0.9 GiB."""
    layer = NetVLAD(256, 64)
    features = Features(torch.randn(12, 256, 30, 40))
    sizes = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            sizes.extend(t.numel() for t in (out if isinstance(out, (tuple, list)) else [out]) if torch.is_tensor(t))
            return out

    with Watch():
        layer(features).sum().backward()
    assert max(sizes) <= features.map.numel()  # nothing is larger than the input itself


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_black_location_is_no_number_trouble_in_half_precision(dtype):
    torch.manual_seed(0)
    layer, x = NetVLAD(8, clusters=4), torch.randn(1, 8, 3, 3)
    x[:, :, 1, 1] = 0
    with torch.autocast("cpu", dtype):
        out = layer(Features(x.to(dtype)))
    assert torch.allclose(out.float(), layer(Features(x)), atol=0.05)
