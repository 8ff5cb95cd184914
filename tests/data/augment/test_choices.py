"""Every yaml of the group, and `smart`."""

import pytest
import torch
import yaml

from geoloc.config import instantiate
from geoloc.data.augment.light import LinearLight
from geoloc.data.augment.smart import AFTERWARDS, IN_LIGHT, NAMES, RandomOperations
from geoloc.data.augment.tuples import in_floats
from geoloc.run import conf_folder

CHOICES = sorted(
    path.stem for path in (conf_folder() / "aug").glob("*.yaml") if path.stem not in ("none", "translated")
)


def photo(*size):
    return torch.randint(40, 200, (3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(96, 128), (65, 33)])
@pytest.mark.parametrize("name", CHOICES)
def test_every_choice_keeps_size_and_type_and_follows_the_seed(name, size):
    aug = instantiate(yaml.safe_load((conf_folder() / "aug" / f"{name}.yaml").read_text()))
    seen = []
    for seed in (*range(4), 0):
        torch.manual_seed(seed)
        out = in_floats(aug.steps, photo(*size))
        assert (out.shape, out.dtype) == ((3, *size), torch.uint8)
        seen.append(out)
    assert torch.equal(seen[0], seen[-1])
    assert name == "night_fixed" or any(not torch.equal(seen[0], other) for other in seen[1:-1])
    assert any(not torch.equal(photo(*size), other) for other in seen)


def test_night_is_darker_than_day():
    aug = instantiate(yaml.safe_load((conf_folder() / "aug" / "night.yaml").read_text()))
    torch.manual_seed(0)
    means = torch.tensor([float(in_floats(aug.steps, photo(96, 128)).float().mean()) for _ in range(60)])
    day = float(photo(96, 128).float().mean())
    assert float(means.max()) < 0.9 * day
    assert aug.views == 2  # so that what is seen by day is learnt as well


@pytest.mark.parametrize("name", NAMES)
def test_strength_0_changes_next_to_nothing(name):
    x = torch.nn.functional.interpolate(photo(6, 8)[None].float() / 255, (96, 128), mode="bilinear")[0]
    step = ({**IN_LIGHT, **AFTERWARDS})[name](0.0)
    out = LinearLight([step])(x) if name in IN_LIGHT else step(x)
    assert float((out - x).abs().mean()) < 2 / 255


@pytest.mark.parametrize("name", NAMES)
def test_operations_grow_with_their_strength(name):
    x = photo(96, 128).float() / 255
    changes = []
    for s in (0.1, 1.0):
        torch.manual_seed(0)
        changes.append(float(({**IN_LIGHT, **AFTERWARDS}[name](s)(x) - x).abs().mean()))
    assert changes[1] > changes[0]


def test_operations_are_drawn_by_their_weights():
    """Two of three possible ones, of which one is nearly certain."""
    weights = dict.fromkeys(NAMES, 0.0) | {"gamma": 100.0, "contrast": 1.0, "jpeg": 1.0}
    step = RandomOperations(count=1, strength=1.0, weights=weights, p=1.0)
    x = torch.full((3, 4, 4), 0.5)
    torch.manual_seed(0)
    out = [float(step(x)[0, 0, 0]) for _ in range(100)]
    assert sum(value == pytest.approx(0.5**2.2, abs=1e-4) for value in out) > 90
    with pytest.raises(ValueError, match=r"count must be a number or .* <= 3, not 4"):
        RandomOperations(count=4, weights=weights)
    with pytest.raises(ValueError, match=r"count must be whole numbers, not 2\.5"):
        RandomOperations(count=2.5)
    with pytest.raises(ValueError, match="weights: all are 0"):
        RandomOperations(weights=dict.fromkeys(NAMES, 0.0))
    with pytest.raises(ValueError, match="no such operation: gama; there are scene, "):
        RandomOperations(weights={"gama": 1.0})
