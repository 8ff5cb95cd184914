"""vit, cct384 and timm."""

import pytest
import timm
import torch
import torch.nn.functional as F
from networks import small

from geoloc.backbones.cct384 import CCT384
from geoloc.backbones.timm import Timm
from geoloc.backbones.vit import ViT
from geoloc.backbones.weights import download_timm
from geoloc.errors import InputError
from geoloc.net import DescriptorNet


def images(*size, seed=0):
    return torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(seed))


def test_vit_gives_tokens_in_rows_and_the_class_token():
    backbone = ViT(224, weights="none", trunc_te=1).eval()
    x = images(224, 224)
    tokens = backbone.vit.forward_features(x)  # (1, 1 + 196, 768)
    out = backbone(x)
    assert torch.equal(out.cls, tokens[:, 0])
    assert torch.equal(out.map[0, :, 2, 5], tokens[0, 1 + 2 * 14 + 5])
    assert out.map.shape == (1, 768, 14, 14)


@pytest.mark.parametrize(("count", "left"), [(None, 12), (3, 3), (0, 0)])
def test_trunc_te_keeps_the_first_blocks(count, left):
    with torch.device("meta"):
        assert len(ViT(weights="none", trunc_te=count).vit.blocks) == left
        assert len(CCT384("none", trunc_te=count).blocks) == (left if count is not None else 14)
    with pytest.raises(InputError, match=r"trunc_te: must be from 0 to 14, the number of blocks, not 15"):
        CCT384("none", trunc_te=15)


@pytest.mark.parametrize(("last", "trained"), [(-1, range(4)), (0, range(1, 4)), (2, [3]), (3, [])])
def test_freeze_te_trains_the_blocks_after_it_and_nothing_else(last, trained):
    backbone = CCT384("none", trunc_te=4, freeze_te=last).train()
    names = {name for name, p in backbone.named_parameters() if p.requires_grad}
    assert {name.split(".")[0] for name in names} <= {"blocks"}
    assert sorted({int(name.split(".")[1]) for name in names}) == list(trained)
    assert [block.training for block in backbone.blocks] == [number in trained for number in range(4)]
    assert not backbone.norm.training
    with pytest.raises(InputError, match=r"freeze_te: must be from -1 to 3, the last block, not 4"):
        CCT384("none", trunc_te=4, freeze_te=4)


def test_nothing_is_frozen_unless_asked_for():
    backbone = CCT384("none", trunc_te=1).train()
    assert all(p.requires_grad for p in backbone.parameters())
    assert all(module.training for module in backbone.modules())


def test_cct_by_the_formula():
    """One layer in eval mode, against torch's own attention of several heads."""
    torch.manual_seed(0)
    backbone = CCT384("none", trunc_te=1).eval()
    x = images(384, 384)
    tokens = x
    for conv in (layer[0] for layer in backbone.tokenizer.conv_layers):
        tokens = F.max_pool2d(F.conv2d(tokens, conv.weight, stride=2, padding=3).relu(), 3, 2, 1)
    tokens = tokens.flatten(2).transpose(1, 2) + backbone.positional_emb
    (layer,) = backbone.blocks
    attention = torch.nn.MultiheadAttention(384, 6, bias=True, batch_first=True).eval()
    with torch.no_grad():
        attention.in_proj_weight.copy_(layer.self_attn.qkv.weight)
        attention.in_proj_bias.zero_()
        attention.out_proj.load_state_dict(layer.self_attn.proj.state_dict())
    normed = layer.pre_norm(tokens)
    tokens = layer.norm1(tokens + attention(normed, normed, normed)[0])
    tokens = backbone.norm(tokens + layer.linear2(F.gelu(layer.linear1(tokens))))
    found = backbone(x).map.flatten(2).transpose(1, 2)
    assert torch.allclose(found, tokens, atol=1e-4)
    assert sum(p.numel() for p in CCT384("none").parameters()) == 22_127_808


def test_published_cct_names_are_understood(tmp_path):
    backbone = CCT384("none")
    state = {
        (name if name.startswith("tokenizer") else f"classifier.{name}"): value
        for name, value in backbone.state_dict().items()
    }
    state |= {"classifier.fc.weight": torch.zeros(1000, 384), "classifier.attention_pool.weight": torch.zeros(1, 384)}
    torch.save(state, tmp_path / "cct.pth")
    state["classifier.attention_pool.weight"] = torch.randn(1, 384)
    state["classifier.attention_pool.bias"] = torch.randn(1)
    torch.save(state, tmp_path / "cct.pth")
    loaded = CCT384(str(tmp_path / "cct.pth"))
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in backbone.state_dict().items())
    for aggregator, taken in (("seqpool", True), ("spoc", False)):
        spec = small("cct384", aggregator, backbone__weights=str(tmp_path / "cct.pth"), backbone__class_token=False)
        own = DescriptorNet.from_spec(spec).aggregator.state_dict()
        assert ("attention_pool.weight" in own) == taken
        assert all(torch.equal(value, state[f"classifier.{name}"]) for name, value in own.items())
    with pytest.raises(InputError, match=r"weights=imagenet: of cct384 only by path"):
        CCT384("imagenet")


def test_only_the_attention_drops_out():
    layer = CCT384("none", trunc_te=1).blocks[0].train()
    layer.self_attn.dropout = 0.0
    x = torch.randn(2, 5, 384, generator=torch.Generator().manual_seed(0))
    assert torch.equal(layer(x), layer.eval()(x))


def test_stochastic_depth_keeps_the_mean():
    backbone = CCT384("none", trunc_te=2)
    assert [layer.drop_path for layer in backbone.blocks] == pytest.approx([0, 0.1 / 13])
    layer = backbone.blocks[1].train()
    layer.drop_path = 0.25
    torch.manual_seed(0)
    kept = layer._sometimes(torch.ones(8000, 1, 1))
    assert sorted(set(kept.flatten().tolist())) == pytest.approx([0.0, 4 / 3])
    assert kept.mean().item() == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize(
    ("name", "size", "has_cls"),
    [("resnet10t", (64, 96), False), ("vit_tiny_patch16_224", (64, 96), True), ("convnext_atto", (64, 96), False)],
)
def test_timm_maps_are_those_of_timm(name, size, has_cls):
    torch.manual_seed(0)
    backbone = Timm(name, weights="none").eval()
    x = images(*size)
    out = backbone(x)
    tokens = backbone.body.forward_features(x)
    expected = tokens[:, 1:].transpose(1, 2).unflatten(2, (size[0] // 16, size[1] // 16)) if has_cls else tokens
    assert torch.allclose(out.map, expected, atol=1e-5)
    assert (out.cls is not None) == backbone.has_cls == has_cls
    assert out.map.shape[1] == backbone.out_channels
    assert out.map.shape[2] == size[0] // backbone.stride
    assert backbone.mean == timm.create_model(name).pretrained_cfg["mean"]


def test_an_earlier_stage_drops_what_follows():
    whole, early = Timm("resnet10t", weights="none"), Timm("resnet10t", stage=-2, weights="none")
    assert (early.stride, whole.stride) == (16, 32)
    assert sum(p.numel() for p in early.parameters()) < sum(p.numel() for p in whole.parameters())
    assert early(images(64, 96)).map.shape == (1, early.out_channels, 4, 6)


def test_registers_are_no_class_token():
    """Registers alone; a class token and four of them."""
    alone = Timm("vit_medium_patch16_reg1_gap_256", weights="none", trunc_te=1).eval()
    assert (alone.has_prefix, alone.has_cls) == (True, False)
    assert alone(images(64, 96)).cls is None
    assert alone(images(64, 96)).map.shape == (1, 512, 4, 6)
    both = Timm("vit_small_patch14_reg4_dinov2", weights="none", trunc_te=1).eval()
    x = images(56, 84)
    tokens = both.body.forward_features(x)
    assert torch.allclose(both(x).cls, tokens[:, 0], atol=1e-5)
    assert torch.allclose(both(x).map[0, :, 1, 2], tokens[0, 1 + 4 + 6 + 2], atol=1e-5)


def test_a_transformer_without_a_token_is_cut_and_frozen_too():
    """Of 12 blocks 4 are kept, an earlier map needs 3 of them, and the first 2 are frozen."""
    backbone = Timm("vit_medium_patch16_gap_240", stage=-2, weights="none", trunc_te=4, freeze_te=1)
    trained = [any(p.requires_grad for p in block.parameters()) for block in backbone.body.blocks]
    assert trained == [False, False, True]
    assert not backbone.has_cls
    with pytest.raises(InputError, match=r"freeze_te: must be from -1 to 2, the last block, not 3"):
        Timm("vit_medium_patch16_gap_240", stage=-2, weights="none", trunc_te=4, freeze_te=3)
    with pytest.raises(InputError, match=r"trunc_te: backbone=timm keeps at least 1 block, not 0"):
        Timm("vit_tiny_patch16_224", weights="none", trunc_te=0)
    with pytest.raises(InputError, match=r"trunc_te: must be from 0 to 12, the number of blocks, not 13"):
        Timm("vit_tiny_patch16_224", weights="none", trunc_te=13)


def test_sizes_that_do_not_fit_name_the_nearest():
    dino = Timm("vit_small_patch14_dinov2", weights="none", trunc_te=1)
    dino.check_size(224, 322)
    with pytest.raises(InputError, match=r"multiples of its patches of 14x14 pixels, not \[480,640\]; .* \[476,644\]"):
        dino.check_size(480, 640)
    beit = Timm("beit_base_patch16_224", weights="none", trunc_te=1)
    with pytest.raises(InputError, match=r"beit_base_patch16_224 takes \[224,224\] only, not \[480,640\]"):
        beit.check_size(480, 640)
    with (
        torch.device("meta"),
        pytest.raises(InputError, match=r"takes \[224,224\] only.*backbone.size=384 takes \[384"),
    ):
        ViT(224, weights="none").check_size(384, 384)
    with pytest.raises(InputError, match=r"cct384 takes \[384,384\] only, not \[480,640\]"):
        CCT384("none", trunc_te=1).check_size(480, 640)
    with pytest.raises(InputError, match="must be at least 32 pixels a side"):
        Timm("resnet10t", weights="none").check_size(16, 640)


def test_names_that_timm_does_not_know():
    with pytest.raises(InputError, match=r"timm has no 'resnet1O'; near are .*resnet"):
        Timm("resnet1O", weights="none")
    with pytest.raises(InputError, match="is no plain row of transformer blocks"):
        Timm("resnet10t", weights="none", freeze_te=1)
    with pytest.raises(InputError, match=r"backbone.stage: resnet10t has maps -5 to -1, not -6"):
        Timm("resnet10t", stage=-6, weights="none")


def test_the_classifier_of_a_timm_file_is_left_out(tmp_path):
    for name, backbone in (("resnet10t", Timm), ("vit_tiny_patch16_224", Timm)):
        torch.save(timm.create_model(name).state_dict(), tmp_path / "whole.pth")
        backbone(name, weights=str(tmp_path / "whole.pth"))


def test_weights_by_path_and_offline(tmp_path, monkeypatch):
    torch.manual_seed(0)
    model = timm.create_model("resnet10t", num_classes=0)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    assert torch.equal(
        Timm("resnet10t", weights=str(tmp_path / "weights.pth")).body.layer4[0].conv1.weight,
        model.layer4[0].conv1.weight,
    )

    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("timm.create_model", refuse)
    with pytest.raises(InputError, match=r"cannot be had from timm \(no network\); run once with a network, or give"):
        download_timm("resnet10t")
