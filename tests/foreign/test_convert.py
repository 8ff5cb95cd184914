"""Checkpoints in the layouts of other projects, written here tensor by tensor as those projects write them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from networks import images, small, spec_of
from released import mixvpr_state
from torch import nn

from geoloc.checkpoints import load_network
from geoloc.errors import InputError
from geoloc.export.origin import start_weights
from geoloc.foreign.convert import benchmark_flags, to_benchmark
from geoloc.foreign.recognise import layout_of, overrides_of
from geoloc.net import DescriptorNet


def benchmark_resnet(cut=-3):
    """The benchmark's backbone: the first children of torchvision's network in a Sequential."""
    return nn.Sequential(*list(torchvision.models.resnet18(weights=None).children())[:cut])


class BenchmarkNetVLAD(nn.Module):
    """The benchmark's names; forward written from the paper, cluster by cluster."""

    def __init__(self, clusters, dim):
        super().__init__()
        self.conv = nn.Conv2d(dim, clusters, 1, bias=False)
        self.centroids = nn.Parameter(torch.rand(clusters, dim))

    def forward(self, x):
        x = F.normalize(x, dim=1)
        soft = torch.softmax(self.conv(x).flatten(2), dim=1)
        flat = x.flatten(2)
        vlad = torch.stack(
            [
                (soft[:, k, None] * (flat - self.centroids[k][None, :, None])).sum(dim=2)
                for k in range(len(self.centroids))
            ],
            dim=1,
        )
        return F.normalize(F.normalize(vlad, dim=2).flatten(1), dim=1)


def independent(backbone, aggregation, batch):
    """Descriptors of a foreign network, in the way of its own project."""
    x = batch.float() / 255
    x = (x - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.no_grad():
        return aggregation(backbone.eval()(x))


def saved(state, path, whole=True):
    """As the benchmark's training writes it, with its numpy values; or bare, as in its model zoo."""
    content = {
        "epoch_num": 7,
        "model_state_dict": {f"module.{name}": value for name, value in state.items()},
        "optimizer_state_dict": {"state": {}, "param_groups": []},
        "recalls": np.array([80.1, 90.2, 93.3, 95.4]),
        "best_r5": np.float64(90.2),
        "not_improved_num": 0,
    }
    torch.save(content if whole else state, path)
    return path


@pytest.mark.parametrize("whole", [True, False])
def test_a_resnet18_netvlad_of_the_benchmark(tmp_path, whole):
    torch.manual_seed(0)
    backbone, aggregation = benchmark_resnet(), BenchmarkNetVLAD(8, 256)
    state = {f"backbone.{n}": v for n, v in backbone.state_dict().items()}
    state |= {f"aggregation.{n}": v for n, v in aggregation.state_dict().items()}
    path = saved(state, tmp_path / "best_model.pth", whole)
    net = load_network(path, spec_of(aggregator__clusters=8), set())
    batch = images(2, 3, 64, 96)
    assert torch.allclose(net.describe(batch), independent(backbone, aggregation, batch), atol=1e-6)
    back = to_benchmark(net)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], state[name]) for name in state)
    with pytest.raises(InputError) as error:
        load_network(path, spec_of("resnet50", aggregator__clusters=8), set())
    assert str(error.value).endswith(
        "of the CVPR 2022 benchmark, and not this network (backbone.4.0.conv1.weight is [64, 64, 3, 3] there and"
        " [64, 64, 1, 1] here, among others); the network there is backbone=resnet18 backbone.cut=conv4"
        " aggregator=netvlad aggregator.clusters=8"
    )


@pytest.mark.parametrize(("l2", "place"), [("before_pool", "1"), ("after_pool", "0"), ("none", "0")])
@pytest.mark.parametrize("fc", [False, True])
def test_gem_of_the_benchmark_and_its_l2(tmp_path, l2, place, fc, caplog):
    torch.manual_seed(0)
    backbone, p, linear = benchmark_resnet(), torch.tensor([2.5]), nn.Linear(256, 16)
    state = {f"backbone.{n}": v for n, v in backbone.state_dict().items()}
    state |= {f"aggregation.{'0.' if fc else ''}{place}.p": p}
    state |= {f"aggregation.1.{n}": v for n, v in linear.state_dict().items()} if fc else {}

    def aggregation(x):
        x = F.normalize(x, dim=1) if l2 == "before_pool" else x
        x = x.clamp(min=1e-6).pow(p).mean(dim=(2, 3)).pow(1 / p)
        x = F.normalize(x, dim=1) if l2 == "after_pool" else x
        return F.normalize(linear(x), dim=1) if fc else x

    path = saved(state, tmp_path / "best_model.pth")
    head = {"head": "fc", "head__dim": 16} if fc else {}
    spec = spec_of(aggregator="gem", aggregator__l2=l2, **head)
    net = load_network(path, {**spec, "unit_length": False}, set())
    batch = images(2, 3, 64, 96)
    expected = independent(backbone, aggregation, batch)
    assert torch.allclose(net.describe(batch), expected, atol=1e-5)
    assert to_benchmark(net).keys() == state.keys()
    unit = load_network(path, {**spec, "unit_length": True}, set())
    assert torch.allclose(unit.describe(batch), F.normalize(expected, dim=1), atol=1e-5)
    assert ("does not normalise" in caplog.text) == (not fc and l2 != "after_pool")
    if l2 == "before_pool":  # the file says so, and it cannot be overlooked
        with pytest.raises(InputError, match=r"aggregator=gem aggregator\.l2=before_pool"):
            load_network(path, spec_of(aggregator="gem", **head), set())


class Code:
    """An object as Naver's files hold one of scikit-learn; to unpickle it would run code."""

    def __reduce__(self):
        return pytest.fail, ("code of the file was run",)


@pytest.mark.parametrize("zipped", [True, False])  # files of before 2020 are not
@pytest.mark.parametrize("layout", ["radenovic", "naver"])
def test_resnets_with_gem_and_whitening_inside(tmp_path, layout, zipped, caplog):
    torch.manual_seed(0)
    full = torchvision.models.resnet50(weights=None)
    p, linear = torch.tensor([2.9]), nn.Linear(2048, 32)
    children = list(full.named_children())[:-2]
    if layout == "radenovic":
        state = {f"features.{i}.{n}": v for i, (_, part) in enumerate(children) for n, v in part.state_dict().items()}
        state |= {"pool.p": p, "whiten.weight": linear.weight.data, "whiten.bias": linear.bias.data}
        content = {"meta": {"architecture": "resnet50", "Lw": np.eye(2, dtype=np.float32)}, "state_dict": state}
        l2 = "after_pool"
    else:
        state = {f"module.{k}.{n}": v for k, part in children for n, v in part.state_dict().items()}
        state |= {"module.adpool.p": p, "module.fc.weight": linear.weight.data, "module.fc.bias": linear.bias.data}
        content = {"model_options": {"arch": "resnet50_rmac"}, "state_dict": state, "pca": {"Landmarks": Code()}}
        l2 = "none"
    torch.save(content, tmp_path / "model.pth", _use_new_zipfile_serialization=zipped)

    def aggregation(x):
        x = x.clamp(min=1e-6).pow(p).mean(dim=(2, 3)).pow(1 / p)
        return F.normalize(linear(F.normalize(x, dim=1) if l2 == "after_pool" else x), dim=1)

    spec = {"backbone__cut": "conv5", "head": "fc", "head__dim": 32}
    net = load_network(tmp_path / "model.pth", spec_of("resnet50", "gem", aggregator__l2=l2, **spec), set())
    batch = images(1, 3, 64, 64)
    expected = independent(nn.Sequential(*(part for _, part in children)), aggregation, batch)
    assert torch.allclose(net.describe(batch), expected, atol=1e-5)
    assert ("the file holds PCA as well, which is not applied" in caplog.text) == (layout == "naver")
    other = "none" if l2 == "after_pool" else "after_pool"
    fits = rf"backbone=resnet50 backbone\.cut=conv5 aggregator=gem aggregator\.l2={l2} head=fc head\.dim=32$"
    with pytest.raises(InputError, match=fits):
        load_network(tmp_path / "model.pth", spec_of("resnet50", "gem", aggregator__l2=other, **spec), set())
    with pytest.raises(InputError, match=rf"are ResNets with GeM; .*{fits}"):
        load_network(tmp_path / "model.pth", spec_of("resnet50", "netvlad", **spec), set())


@pytest.mark.parametrize("bias", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_mixvpr_of_its_authors(tmp_path, bias, caplog):
    """Its first version had no bias of the rows; nothing of either file is run."""
    body, state = mixvpr_state(cells=16, channels=6, rows=2, depth=2, bias=bias)
    torch.save(state, tmp_path / "model.ckpt")
    small_one = {"aggregator__channels": 6, "aggregator__rows": 2, "aggregator__depth": 2}
    spec = spec_of("resnet50", "mixvpr", (64, 64), **small_one)
    net = load_network(tmp_path / "model.ckpt", spec, set())

    def aggregation(x):
        x = x.flatten(2)
        for layer in range(2):
            own = {
                name: state[f"aggregator.mix.{layer}.mix.{name}"] for name in ("0.weight", "0.bias", "1.bias", "3.bias")
            }
            z = F.layer_norm(x, (16,), own["0.weight"], own["0.bias"])
            z = F.linear(z, state[f"aggregator.mix.{layer}.mix.1.weight"], own["1.bias"]).relu()
            x = x + F.linear(z, state[f"aggregator.mix.{layer}.mix.3.weight"], own["3.bias"])
        x = torch.einsum("bcp,oc->bop", x, state["aggregator.channel_proj.weight"])
        x = x + state["aggregator.channel_proj.bias"][:, None]
        x = torch.einsum("bop,rp->bor", x, state["aggregator.row_proj.weight"])
        x = x + state["aggregator.row_proj.bias"] if bias else x
        return F.normalize(x.flatten(1), dim=1)

    batch = images(2, 3, 64, 64)
    layers = (body.conv1, body.bn1, body.relu, body.maxpool, body.layer1, body.layer2, body.layer3)
    assert torch.allclose(net.describe(batch), independent(nn.Sequential(*layers), aggregation, batch), atol=1e-5)
    assert "its authors state no licence of code or weights" in caplog.text
    fits = (
        r"backbone=resnet50 backbone\.cut=conv4 aggregator=mixvpr aggregator\.channels=6 aggregator\.rows=2"
        r" aggregator\.depth=2 aggregator\.ratio=1 image_size=\[64,64\]$"
    )
    for other in (spec | {"image_size": [96, 64]}, spec_of("resnet50", "mixvpr", (64, 64)), spec_of("resnet50", "gem")):
        with pytest.raises(InputError, match=fits):
            load_network(tmp_path / "model.ckpt", other, set())


DAMAGED = {
    "backbone.model.layer2.0.conv1.weight": None,
    "aggregator.row_proj.weight": None,
    "aggregator.mix.0.mix.1.weight": None,
    "aggregator.channel_proj.weight": torch.tensor(1.0),
    "loss_fn.x": torch.zeros(1),
}


@pytest.mark.parametrize(("name", "value"), DAMAGED.items())
def test_a_damaged_file_of_mixvpr_is_refused_in_one_line(tmp_path, name, value):
    """What is wrong with it is named, since what fits may be what was typed."""
    _, state = mixvpr_state(cells=16, channels=6, rows=2, depth=2, bias=True)
    state = {key: tensor for key, tensor in {**state, name: value}.items() if tensor is not None}
    torch.save(state, tmp_path / "model.ckpt")
    small_one = {"aggregator__channels": 6, "aggregator__rows": 2, "aggregator__depth": 2}
    with pytest.raises(InputError, match=rf"and not this network \({name} is [^;]*\); the network there is ") as error:
        load_network(tmp_path / "model.ckpt", spec_of("resnet50", "mixvpr", (64, 64), **small_one), set())
    assert len(error.value.problems) == 1
    untold = "the network there is not to be told, as tensors are missing or of no such shape"
    assert (untold in str(error.value)) == name.startswith("aggregator.")


def test_whose_weights_they_are_is_kept(tmp_path):
    """What the config says of the backbone's start is never read, and makes no other network either."""
    _, state = mixvpr_state(cells=16, channels=6, rows=2, depth=2, bias=True)
    torch.save(state, tmp_path / "model.ckpt")
    small_one = {"aggregator__channels": 6, "aggregator__rows": 2, "aggregator__depth": 2}
    digests = set()
    for weights in ("none", "imagenet"):
        spec = spec_of("resnet50", "mixvpr", (64, 64), **small_one, backbone__weights=weights)
        net = load_network(tmp_path / "model.ckpt", spec, set())
        assert net.spec["backbone"]["weights"] == "MixVPR (Ali-bey et al.)"
        digests.add(net.digest())
    net.save(tmp_path)
    assert {DescriptorNet.load(tmp_path).digest()} == digests
    assert "released at github.com/amaralibey/MixVPR; they state no licence" in start_weights(net.spec["backbone"])


def test_vit_of_the_benchmark_is_found_part_by_part():
    """transformers' names: query, key and value apart, and a pooler that takes no part."""
    torch.manual_seed(0)
    net = DescriptorNet.from_spec(small("vit", "cls", backbone__normalisation="imagenet"))
    theirs = {n.replace("vit_model.", ""): v for n, v in to_benchmark(net).items()}  # as of its older code
    block = net.backbone.vit.blocks[0]
    assert torch.equal(
        theirs["backbone.encoder.layer.0.attention.attention.key.weight"], block.attn.qkv.weight[768:1536]
    )
    assert torch.equal(theirs["backbone.encoder.layer.0.intermediate.dense.bias"], block.mlp.fc1.bias)
    assert torch.equal(theirs["backbone.embeddings.position_embeddings"], net.backbone.vit.pos_embed)
    # Two more for each of weight and bias of qkv, and a pooler that is never used.
    assert len(theirs) == len(net.state_dict()) + 2 * 2 + 2
    wrapped = to_benchmark(net)
    assert all(name.startswith("backbone.vit_model.") for name in wrapped)
    assert overrides_of(theirs, layout_of(theirs)) == (
        "backbone=vit backbone.size=224 backbone.normalisation=imagenet image_size=[224,224] backbone.trunc_te=1"
        " aggregator=cls"
    )


@pytest.mark.slow
def test_vit_of_the_benchmark_sees_images_as_it_was_trained_to(tmp_path):
    spec = small("vit", "netvlad", backbone__normalisation="imagenet")
    net = DescriptorNet.from_spec(spec)
    assert net.mean.flatten().tolist() == pytest.approx([255 * m for m in (0.485, 0.456, 0.406)])
    path = saved(to_benchmark(net), tmp_path / "vit.pth")
    loaded = load_network(path, spec, set())
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in net.state_dict().items())
    with pytest.raises(InputError, match=r"backbone=vit backbone\.size=224 backbone\.normalisation=imagenet"):
        load_network(path, small("vit", "netvlad"), set())


@pytest.mark.parametrize("foreign", [True, False])
def test_crn_starts_from_a_plain_netvlad_too(tmp_path, foreign):
    netvlad = DescriptorNet.from_spec(spec_of(aggregator__clusters=8))
    state = to_benchmark(netvlad) if foreign else netvlad.state_dict()
    crn = load_network(
        saved(state, tmp_path / "a.pth", whole=False), spec_of(aggregator="crn", aggregator__clusters=8), set(), True
    )
    assert all(torch.equal(value, crn.state_dict()[name]) for name, value in netvlad.state_dict().items())
    assert (crn.aggregator.mask.filters[0].bias == 0).all()


def test_a_plain_cct_of_ours_is_not_taken_for_theirs(tmp_path):
    spec = small("cct384", "spoc")
    net = DescriptorNet.from_spec(spec)
    torch.save(net.state_dict(), tmp_path / "a.pth")
    assert torch.equal(
        load_network(tmp_path / "a.pth", spec, set()).backbone.positional_emb, net.backbone.positional_emb
    )


@pytest.mark.parametrize(
    ("backbone", "aggregator"),
    [
        pytest.param("vgg16", "netvlad", marks=pytest.mark.slow),
        ("alexnet", "rrm"),
        ("cct384", "seqpool"),
        ("cct384", "netvlad"),
        ("resnet18", "crn"),
        pytest.param("vit", "netvlad", marks=pytest.mark.slow),
    ],
)
def test_there_and_back(tmp_path, backbone, aggregator, caplog):
    torch.manual_seed(0)
    changes = {
        "cct384": {"backbone__class_token": False},
        "vit": {"backbone__normalisation": "imagenet"},
    }.get(backbone, {})
    spec = small(backbone, aggregator, **changes)
    net = DescriptorNet.from_spec(spec)
    state = to_benchmark(net)
    path = saved(state, tmp_path / "model.pth")
    with caplog.at_level("INFO", "geoloc"):
        loaded = load_network(path, spec, set())
    idle = backbone == "vit" or (backbone, aggregator) == ("cct384", "netvlad")
    assert ("2 tensors are for classification and left aside" in caplog.text) == idle
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in net.state_dict().items())
    state = {n.replace("vit_model.", ""): v for n, v in state.items()}
    typed = overrides_of(state, layout_of(state))
    assert f"backbone={backbone}" in typed
    assert aggregator == "seqpool" or f"aggregator={aggregator}" in typed


def test_what_does_not_belong_is_never_dropped(tmp_path):
    net = DescriptorNet.from_spec(spec_of(aggregator__clusters=8))
    state = to_benchmark(net) | {"backbone.9.weight": torch.zeros(1)}
    with pytest.raises(InputError, match="and not this network"):
        load_network(saved(state, tmp_path / "a.pth"), spec_of(aggregator__clusters=8), set())
    crn = to_benchmark(DescriptorNet.from_spec(spec_of(aggregator="crn", aggregator__clusters=8)))
    crn["aggregation.crn.acc_w.weight"] += 1
    with pytest.raises(InputError, match=r"acc_w\.weight is not the constant that it should be"):
        load_network(saved(crn, tmp_path / "b.pth"), spec_of(aggregator="crn", aggregator__clusters=8), set())


@pytest.mark.parametrize(
    ("changes", "typed", "said"),
    [
        ({"aggregator": "spoc"}, set(), ["aggregator.l2=none is taken", "does not normalise"]),
        ({"aggregator": "spoc"}, {"aggregator.l2"}, ["does not normalise"]),
        ({"aggregator": "mac", "aggregator__l2": "after_pool"}, {"aggregator.l2"}, []),
        ({"aggregator": "rmac", "head": "fc", "head__dim": 4}, set(), ["aggregator.l2=none is taken"]),
        ({"aggregator": "gem"}, set(), ["does not normalise"]),
        ({"aggregator": "gem", "head": "fc", "head__dim": 4}, set(), ["aggregator.l2=none is taken"]),
        ({"aggregator": "gem", "aggregator__l2": "before_pool", "head": "fc", "head__dim": 4}, set(), []),
    ],
)
def test_what_the_file_leaves_open_is_warned_of(tmp_path, caplog, changes, typed, said):
    spec = spec_of(**changes)
    load_network(saved(to_benchmark(DescriptorNet.from_spec(spec)), tmp_path / "a.pth"), spec, typed)
    lines = [record.message for record in caplog.records]
    assert len(lines) == len(said)
    assert all(any(part in line for line in lines) for part in said)


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        (
            {"aggregator__clusters": 8},
            "--backbone=resnet18conv4 --aggregation=netvlad --resize 64 96 --netvlad_clusters=8",
        ),
        (
            {"backbone": "resnet50", "backbone__cut": "conv5", "aggregator": "gem", "head": "fc", "head__dim": 4},
            "--backbone=resnet50conv5 --aggregation=gem --resize 64 96 --l2=none --fc_output_dim=4",
        ),
        (
            {"backbone": "vgg16", "aggregator": "mac"},
            "--backbone=vgg16 --aggregation=mac --resize 64 96 --l2=after_pool",
        ),
    ],
)
def test_flags_of_the_benchmark(changes, flags):
    assert benchmark_flags(DescriptorNet.from_spec(spec_of(**changes))) == flags


@pytest.mark.parametrize(
    ("backbone", "aggregator", "changes", "reason"),
    [
        ("cct384", "cls", {}, "no Cls on CCT384"),
        ("cct384", "netvlad", {}, "no class token of CCT384"),
        ("resnet18", "seqpool", {}, "no SeqPool on ResNet"),
        ("efficientnet_lite0", "gem", {}, "no backbone EfficientNetLite0"),
        ("vit", "cls", {}, "normalised as backbone.normalisation=imagenet, and this not"),
        ("resnet18", "netvlad", {"block": "non_local"}, "no place for a block"),
    ],
)
def test_what_the_benchmark_has_not_is_not_written(backbone, aggregator, changes, reason):
    with pytest.raises(InputError, match=reason):
        to_benchmark(DescriptorNet.from_spec(small(backbone, aggregator, **changes)))
