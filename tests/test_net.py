from pathlib import Path

import pytest
import torch
import yaml
from networks import WITH_CLS, choices, images, small, spec_of

import geoloc
from geoloc.checkpoints import load_network, read_checkpoint
from geoloc.errors import InputError
from geoloc.net import DescriptorNet


def is_quick(backbone, aggregator):
    """Whether the default suite takes this pair: every backbone and every aggregator are in one."""
    return backbone == "resnet18" or aggregator == "gem" or (aggregator == "cls" and backbone in WITH_CLS)


PAIRS = [
    pytest.param(b, a, marks=[] if is_quick(b, a) else pytest.mark.slow)
    for b in choices("backbone")
    for a in choices("aggregator")
]


@pytest.mark.parametrize(("backbone", "aggregator"), PAIRS)
def test_every_pair(backbone, aggregator, tmp_path):
    """What each backbone and aggregator owes to the rest; a new yaml is tested without writing a test."""
    torch.manual_seed(0)
    if aggregator == "cls" and backbone not in WITH_CLS:
        with pytest.raises(InputError, match=r"Cls needs a class token, which .* has not; use backbone=vit"):
            DescriptorNet.from_spec(small(backbone, aggregator))
        return
    check_network(DescriptorNet.from_spec(small(backbone, aggregator)), tmp_path)


@pytest.mark.parametrize(
    ("block", "head", "changes"),
    [
        ("non_local", "none", {"block__count": 2}),
        ("none", "fc", {"head__dim": 32}),
        ("non_local", "fc", {"head__dim": 32, "block__zero": False}),
    ],
)
@pytest.mark.parametrize("aggregator", ["netvlad", "gem"])
def test_every_block_and_head(aggregator, block, head, changes, tmp_path):
    check_network(DescriptorNet.from_spec(small("resnet18", aggregator, block=block, head=head, **changes)), tmp_path)


def check_network(net, tmp_path):
    """Shapes, unit length, gradients, repeatability, half precision, saving."""
    size = net.image_size
    batch = images(2, 3, *size)
    net.train()
    net(batch).square().sum().backward()
    out = net.describe(batch)
    assert out.shape == (2, net.out_dim)
    assert out.dtype == torch.float32
    assert torch.linalg.vector_norm(out, dim=1).tolist() == pytest.approx([1, 1], abs=1e-5)
    assert torch.equal(net.describe(batch), out)  # repeatable
    assert torch.allclose(net.describe(batch[:1]), out[:1], atol=1e-5)  # the batch does not matter
    missing = [name for name, p in net.named_parameters() if p.requires_grad and p.grad is None]
    # A class token that the aggregator does not ask for, and the other way round, gets no gradient from the last block.
    assert [name for name in missing if "cls_token" not in name and "class_emb" not in name] == []
    with torch.autocast("cpu", torch.bfloat16):
        half = net.describe(batch)
    assert half.dtype == torch.float32
    assert (half * out).sum(dim=1).min() > 0.98
    net.save(tmp_path)
    assert torch.equal(geoloc.load(tmp_path).describe(batch), out)


@pytest.mark.parametrize("backbone", ["resnet18", "vgg16", "alexnet", "efficientnet_lite0", "timm"])
def test_other_sizes_and_odd_ones(backbone):
    net = DescriptorNet.from_spec(small(backbone, "crn"))
    assert net.describe(images(1, 3, 96, 64)).shape == (1, net.out_dim)
    if backbone != "timm":
        assert net.describe(images(1, 3, 101, 151)).shape == (1, net.out_dim)


def test_normalisation_is_that_of_the_backbone():
    net = DescriptorNet.from_spec(spec_of())
    seen = []
    net.backbone.forward = lambda x: seen.append(x) or torch.zeros(1)
    net.features(torch.full((1, 3, 2, 2), 255, dtype=torch.uint8))
    expected = [(1 - m) / s for m, s in zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)]
    assert seen[0][0, :, 0, 0].tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "wrong", [torch.rand(1, 3, 64, 64), torch.zeros(3, 64, 64, dtype=torch.uint8), torch.zeros(1, 64, 64, 3).byte()]
)
def test_images_of_another_kind_are_refused(wrong):
    """Floats from 0 to 1 would give a descriptor of nearly black images, without a word."""
    net = DescriptorNet.from_spec(spec_of(aggregator__clusters=4))
    with pytest.raises(ValueError, match=r"images must be \(B, 3, H, W\) uint8 RGB, not \("):
        net.describe(wrong)


def test_describe_puts_modes_and_gradients_back():
    net = DescriptorNet.from_spec(spec_of(backbone__freeze="early")).train()
    before = [module.training for module in net.modules()]
    net.describe(images(1, 3, 64, 64))
    assert [module.training for module in net.modules()] == before
    assert not net.backbone.bn1.training
    assert net.backbone.layer3.training
    assert torch.is_grad_enabled()


def test_a_network_remembers_what_was_frozen(tmp_path):
    DescriptorNet.from_spec(spec_of(backbone__freeze="early")).save(tmp_path)
    loaded = geoloc.load(tmp_path)
    assert loaded.backbone.freeze == "early"
    assert not loaded.training


def test_a_model_file_cannot_name_other_code(tmp_path):
    net = DescriptorNet.from_spec(spec_of())
    net.save(tmp_path)
    content = yaml.safe_load((tmp_path / "model.yaml").read_text())
    for target, message in (
        ("unheard_of.Thing", "import unheard_of yourself"),
        ("os.system", "not a network class"),
        ("geoloc.net.import_module", "not a network class"),
    ):
        content["network"]["aggregator"]["_target_"] = target
        (tmp_path / "model.yaml").write_text(yaml.safe_dump(content))
        with pytest.raises(InputError, match=message):
            geoloc.load(tmp_path)


def test_loading_what_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"model\.safetensors: no such file"):
        geoloc.load(tmp_path)
    DescriptorNet.from_spec(spec_of()).save(tmp_path)
    (tmp_path / "model.yaml").write_text("format: 99\n")
    with pytest.raises(InputError, match="not of format 1"):
        geoloc.load(tmp_path)


def our_checkpoint(net: DescriptorNet, path: Path) -> Path:
    state = {f"net.{name}": value for name, value in net.state_dict().items()}
    torch.save({"state_dict": state, "geoloc": {"network": net.spec, "epoch": 4}}, path)
    return path


def test_a_checkpoint_says_what_it_is(tmp_path, caplog):
    """Field fault C11: the architecture is read from the file, and what was typed must agree with it."""
    net = DescriptorNet.from_spec(spec_of(aggregator__clusters=8))
    path = our_checkpoint(net, tmp_path / "best.ckpt")
    wanted = spec_of(aggregator__clusters=64, size=(480, 640))
    with caplog.at_level("INFO", "geoloc"):
        loaded = load_network(path, wanted, typed=set())
    assert "best.ckpt (epochs trained: 5)" in caplog.text
    assert loaded.image_size == (64, 96)
    batch = images(2, 3, 64, 96)
    assert torch.equal(loaded.describe(batch), net.describe(batch))
    assert load_network(path, wanted, typed={"image_size"}).image_size == (480, 640)
    with pytest.raises(InputError, match=r"another aggregator than typed \(clusters is 8 there and 64 here\)"):
        load_network(path, wanted, typed={"aggregator"})
    assert load_network(
        path, spec_of(aggregator__clusters=8, backbone__freeze="early"), typed={"backbone", "aggregator"}
    )
    frozen = {**wanted, "backbone": {**wanted["backbone"], "freeze_te": 1}}
    with pytest.raises(InputError, match=r"backbone\.freeze_te: the checkpoint's .*ResNet has no such key"):
        load_network(path, frozen, typed={"backbone.freeze_te"})


def test_crn_takes_over_a_netvlad_network_to_be_trained_only(tmp_path, caplog):
    net = DescriptorNet.from_spec(spec_of(aggregator__clusters=8))
    path = our_checkpoint(net, tmp_path / "best.ckpt")
    wanted = spec_of(aggregator="crn")  # of 64 clusters, which was not typed
    with caplog.at_level("INFO", "geoloc"):
        crn = load_network(path, wanted, {"aggregator"}, training=True)
    assert "6 parameters of CRN start fresh, such as aggregator.mask.filters.0.weight" in caplog.text
    assert crn.spec["aggregator"] == wanted["aggregator"] | {"clusters": 8}
    assert all(torch.equal(value, crn.state_dict()[name]) for name, value in net.state_dict().items())
    with pytest.raises(InputError, match=r"holds no CRN network but what one starts from: .* leave aggregator out"):
        load_network(path, wanted, {"aggregator"})
    with pytest.raises(InputError, match=r"2 of another shape \(aggregator\.assignment"):
        load_network(path, wanted, {"aggregator", "aggregator.clusters"}, training=True)


def test_a_checkpoint_without_its_whitening_is_warned_of(tmp_path, caplog):
    net = DescriptorNet.from_spec(spec_of(aggregator__clusters=4))
    (tmp_path / "checkpoints").mkdir()
    path = our_checkpoint(net, tmp_path / "checkpoints" / "best.ckpt")
    net.save(tmp_path)
    load_network(path, {}, set())
    assert "whitening" not in caplog.text
    net.add_whitening({"_target_": "geoloc.heads.whitening.PCA", "dim": 3})
    net.save(tmp_path)
    load_network(path, {}, set(), training=True)
    assert "whitening" not in caplog.text
    load_network(path, {}, set())
    assert f"{path} is without the whitening that its run ended in; checkpoint={tmp_path} is with it" in caplog.text


@pytest.mark.parametrize("prefix", ["", "module."])
def test_plain_state_dicts(tmp_path, prefix):
    net = DescriptorNet.from_spec(spec_of(aggregator__clusters=8))
    path = tmp_path / "weights.pth"
    torch.save({f"{prefix}{name}": value for name, value in net.state_dict().items()}, path)
    batch = images(2, 3, 64, 96)
    assert torch.equal(load_network(path, spec_of(aggregator__clusters=8), set()).describe(batch), net.describe(batch))
    with pytest.raises(InputError) as error:
        load_network(path, spec_of(aggregator__clusters=16), set())
    assert "2 of another shape (aggregator.assignment is (8, 256) there and (16, 256) here)" in str(error.value)
    with pytest.raises(InputError, match=r"does not fit this network: .*missing \(.*unknown \("):
        load_network(path, spec_of(backbone="efficientnet_lite0"), set())


def test_checkpoint_paths(tmp_path):
    with pytest.raises(InputError, match=r"gone\.ckpt: no such file"):
        read_checkpoint(tmp_path / "gone.ckpt")
    with pytest.raises(InputError, match=r"a folder without checkpoints/best\.ckpt"):
        read_checkpoint(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    net = DescriptorNet.from_spec(spec_of(aggregator__clusters=4))
    our_checkpoint(net, tmp_path / "checkpoints" / "best.ckpt")
    assert read_checkpoint(tmp_path).epoch == 5
    net.save(tmp_path)
    assert load_network(tmp_path, {}, set()).out_dim == 4 * 256
    assert load_network(tmp_path / "model.safetensors", {}, set()).out_dim == 4 * 256
    with pytest.raises(InputError, match=r"only a finished run's model\.safetensors is read"):
        load_network(tmp_path / "epoch3.safetensors", {}, set())


def test_the_older_kind_of_checkpoint_with_objects_inside_is_refused(tmp_path):
    torch.save({"state_dict": {"net": Path("x")}, "config": Path("x")}, tmp_path / "old.ckpt")
    with pytest.raises(
        InputError, match=r"old\.ckpt: holds no state dict but objects of pathlib\.PosixPath, which are"
    ):
        read_checkpoint(tmp_path / "old.ckpt")


def test_others_can_read_the_weights(tmp_path):
    DescriptorNet.from_spec(spec_of()).save(tmp_path)
    assert (tmp_path / "model.safetensors").stat().st_mode == (tmp_path / "model.yaml").stat().st_mode
