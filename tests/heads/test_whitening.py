import numpy as np
import pytest
import torch

from geoloc.errors import InputError
from geoloc.heads.fc import FC
from geoloc.heads.whitening import PCA


def sample(count, dim, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, dim)) @ np.diag(np.linspace(3, 0.1, dim)) + 1


@pytest.mark.parametrize("shape", [(200, 12), (10, 40)])  # more images than values, and fewer
@pytest.mark.parametrize("whiten", [False, True])
def test_equals_a_singular_value_decomposition(shape, whiten):
    x = sample(*shape)
    pca = PCA(shape[1], dim=5, whiten=whiten)
    kept = pca.fit(torch.from_numpy(x).float())
    mean = x.mean(axis=0)
    _, values, directions = np.linalg.svd(x - mean, full_matrices=False)
    expected = (x - mean) @ directions[:5].T
    if whiten:
        expected /= values[:5] / np.sqrt(len(x) - 1)
    found = pca(torch.from_numpy(x).float()).numpy()
    signs = np.sign((found * expected).sum(axis=0))  # a direction may point either way
    assert found == pytest.approx(expected * signs, abs=2e-3)
    assert kept == pytest.approx((values[:5] ** 2).sum() / (values**2).sum(), rel=1e-4)
    if whiten:
        assert found.var(axis=0, ddof=1) == pytest.approx(np.ones(5), abs=1e-3)


def test_too_few_images_are_said():
    with pytest.raises(InputError, match=r"whitening.dim=5: needs more than 5 train database images .*, not 5; .*=2"):
        PCA(8, dim=5).fit(torch.zeros(5, 8))
    with pytest.raises(InputError, match="must be from 1 to 8, the descriptor's dimension, not 9"):
        PCA(8, dim=9)


@pytest.mark.parametrize("shape", [(200, 12), (10, 40)])
def test_directions_that_are_rounding_only_are_refused(shape):
    """All descriptors lie in a plane; whitening would blow its noise up to the size of what matters."""
    x = np.random.default_rng(0).normal(size=(shape[0], 2)) @ np.random.default_rng(1).normal(size=(2, shape[1]))
    assert PCA(shape[1], dim=2, whiten=True).fit(torch.from_numpy(x).float()) == pytest.approx(1, abs=1e-6)
    with pytest.raises(InputError, match=r"whitening.dim=3: .* vary in 2 directions only; whitening.dim=2 would do"):
        PCA(shape[1], dim=3).fit(torch.from_numpy(x).float())
    with pytest.raises(InputError, match="they are all alike"):
        PCA(shape[1], dim=1).fit(torch.ones(shape))


def test_fc_is_a_linear_layer():
    head = FC(3, dim=2)
    x = torch.tensor([[1.0, 2.0, 3.0]])
    assert torch.allclose(head(x), x @ head.linear.weight.T + head.linear.bias)
    assert head.out_dim == 2
    with pytest.raises(ValueError, match="dim must be at least 1"):
        FC(3, dim=0)
