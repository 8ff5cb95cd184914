"""Which parts of two images made them similar: the maps, how they are drawn, and of which queries."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from in_process import job_of, work
from mini import write_hard_city
from networks import WITH_CLS, choices, images, small, spec_of
from PIL import Image
from torch import nn

from geoloc.aggregators.cls import Cls
from geoloc.aggregators.crn import CRN
from geoloc.aggregators.gem import GeM
from geoloc.aggregators.mac import MAC
from geoloc.aggregators.netvlad import NetVLAD
from geoloc.aggregators.spoc import SPoC
from geoloc.attention import attention, check_attention
from geoloc.errors import InputError
from geoloc.features import Features
from geoloc.net import DescriptorNet
from geoloc.parts import network_class
from geoloc.places import from_lists
from geoloc.predictions import Predictions
from geoloc.report.attention import COLOURS, COVER, Panel, heat_strip, overlay
from geoloc.tasks.attention import choose, shown

TASK = ["data=folder", "task=test", "image_size=[64,64]", "backbone.weights=none", "trainer=cpu", "num_workers=0"]
TASK += ["trainer.enable_progress_bar=false"]


class Pixels(nn.Module):
    """A backbone whose map is the image itself, one cell a pixel."""

    mean, std, out_channels, stride, has_cls = (0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255), 3, 1, False

    def forward(self, x):
        return Features(x)


def of_pixels(aggregator, **more):
    """A network whose local features are the pixels' values from 0 to 255."""
    return DescriptorNet(Pixels(), aggregator, (2, 2), **more)


def pair_of(query, database):
    """(2, 3, h, w) uint8 of two lists of rows of RGB pixels."""
    return torch.tensor([query, database], dtype=torch.uint8).permute(0, 3, 1, 2)


def test_spoc_by_hand():
    """Query: the mean of its cells is (3, 4, 0) / 4, of length 5 / 4; the database image's is (1, 0, 0), of length 1.

    The similarity is 3 / 5. A cell x of the query adds <x, (1, 0, 0)> / 4 / (5 / 4); one of the database image
    <x, (3, 4, 0) / 5> / 4 / 1.
    """
    pair = pair_of([[[3, 0, 0], [0, 4, 0]], [[0, 0, 0], [0, 0, 0]]], [[[0, 0, 0], [4, 0, 0]], [[0, 0, 0], [0, 0, 0]]])
    found = attention(of_pixels(SPoC(3)), pair)
    assert found.similarity == pytest.approx(0.6)
    np.testing.assert_allclose(found.maps[0], [[0.6, 0], [0, 0]], atol=1e-6)
    np.testing.assert_allclose(found.maps[1], [[0, 0.6], [0, 0]], atol=1e-6)


def test_what_whitening_takes_away_is_shared_out_evenly():
    """Without (1, 0, 0) the same query has (3 / 5 - 1, 4 / 5, 0) and the other one nothing but what is added here."""
    net = of_pixels(SPoC(3))
    whitening = net.add_whitening({"_target_": "geoloc.heads.whitening.PCA", "dim": 3})
    whitening.mean.copy_(torch.tensor([0.6, 0.0, 0.0]))
    whitening.components.copy_(torch.eye(3))
    pair = pair_of([[[3, 0, 0], [0, 4, 0]], [[0, 0, 0], [0, 0, 0]]], [[[0, 0, 8], [6, 0, 0]], [[0, 0, 0], [0, 0, 0]]])
    # Query: (0.6, 0.8, 0) - mean = (0, 0.8, 0); database: (0.6, 0, 0.8) - mean = (0, 0, 0.8): a similarity of 0. The
    # query's cells add what they have of blue, none; those of the database image what they have of green, none.
    found = attention(net, pair)
    assert found.similarity == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(found.maps, np.zeros((2, 2, 2)), atol=1e-6)
    whitening.mean.copy_(torch.tensor([0.0, 0.4, 0.0]))
    # Query: (0.6, 0.4, 0), of length 0.52 ** 0.5; database: (0.6, -0.4, 0.8), of length 1.16 ** 0.5.
    found = attention(net, pair)
    length = (0.52 * 1.16) ** 0.5
    assert found.similarity == pytest.approx(0.2 / length)
    # Before: red (0.6, 0, 0) . other = 0.36, green (0, 0.8, 0) . other = -0.32; taken: (0, 0.4, 0) . other = -0.16.
    np.testing.assert_allclose(found.maps[0] * length, [[0.36 + 0.04, -0.32 + 0.04], [0.04, 0.04]], atol=1e-6)


def test_of_two_maxima_only_cells_that_hold_them_add():
    """GeM of a large exponent is nearly the maximum: (3, 4, 0) of the first image, (4, 0, 0) of the other one."""
    pair = pair_of([[[3, 0, 0], [0, 4, 0]], [[2, 3, 0], [0, 0, 0]]], [[[0, 0, 0], [4, 0, 0]], [[1, 0, 0], [0, 0, 0]]])
    for aggregator in (MAC(3), GeM(3, p=20.0)):
        found = attention(of_pixels(aggregator), pair)
        np.testing.assert_allclose(found.maps, [[[0.6, 0], [0, 0]], [[0, 0.6], [0, 0]]], atol=1e-3)


class Given(nn.Module):
    """A backbone that returns the same maps whatever it sees."""

    mean, std, stride, has_cls = (0.5,) * 3, (0.5,) * 3, 16, False

    def __init__(self, maps):
        super().__init__()
        self.maps, self.out_channels = maps, maps.shape[1]

    def forward(self, x):
        return Features(self.maps)


def lost(net, own, other, weights):
    """What the similarity to a unit vector loses where one cell after the other of a NetVLAD sum is left out; by loops.

    Clusters and the whole are divided by their lengths with no cell left out.
    """
    x = F.normalize(own, dim=0).flatten(1).T.double()  # (P, C)
    added = torch.zeros(len(x), *net.centroids.shape, dtype=torch.double)
    for p in range(len(x)):
        shares = torch.softmax(net.assignment.double() @ x[p], 0)
        for k in range(len(shares)):
            added[p, k] = weights[p] * shares[k] * (x[p] - net.centroids[k].double())
    lengths = added.sum(dim=0).norm(dim=1, keepdim=True)
    length = (added.sum(dim=0) / lengths).norm()

    def similarity(cells):
        return float((added[cells].sum(dim=0) / lengths / length).flatten() @ other.double())

    cells = list(range(len(x)))
    return [similarity(cells) - similarity([other for other in cells if other != left]) for left in cells]


@pytest.mark.parametrize("kind", [NetVLAD, CRN])
def test_netvlad_agrees_with_leaving_cells_out(kind):
    torch.manual_seed(3)
    maps, aggregator = torch.randn(2, 8, 4, 5), kind(8, clusters=3)
    net = DescriptorNet(Given(maps), aggregator, (64, 64))
    found, described = attention(net, images(2, 3, 64, 64)), net.describe(images(2, 3, 64, 64))
    weights = torch.ones(2, 20) if kind is NetVLAD else aggregator.weights(Features(maps))[..., 0].detach()
    assert kind is NetVLAD or weights.std() > 0.01
    with torch.no_grad():
        for own, other in ((0, 1), (1, 0)):
            wanted = lost(aggregator, maps[own], described[other], weights[own])
            np.testing.assert_allclose(found.maps[own].flatten(), wanted, atol=1e-6)
            assert np.std(wanted) > 1e-3


class Looking(nn.Module):
    """A transformer's last block without a second half: tokens get what they look at, after a layer norm."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(6)
        self.value = nn.Linear(6, 6)

    def forward(self, tokens):
        x = self.norm(tokens)
        return tokens + F.scaled_dot_product_attention(x, x, self.value(x))


class OneToken(nn.Module):
    """A backbone of that block; its tokens are given: two that are no part of the map, then 2 x 3 cells."""

    mean, std, out_channels, stride, has_cls = (0.5,) * 3, (0.5,) * 3, 6, 16, True

    def __init__(self):
        super().__init__()
        self.tokens, self.last_block = torch.randn(2, 8, 6), Looking()

    def forward(self, x):
        tokens = self.last_block(self.tokens)
        return Features(tokens[:, 2:].transpose(1, 2).unflatten(2, (2, 3)), tokens[:, 0])


def test_a_class_token_by_what_it_takes_from_each_cell():
    """Cell p adds a_p V (x_p - mean) / deviation; biases and what the token was before have no place in the map."""
    torch.manual_seed(0)
    backbone = OneToken()
    block = backbone.last_block
    net = DescriptorNet(backbone, Cls(6), (32, 48))
    with torch.no_grad():
        block.norm.weight.copy_(torch.rand(6) + 0.5)
        block.norm.bias.copy_(torch.randn(6))
    found, described = attention(net, images(2, 3, 32, 48)), net.describe(images(2, 3, 32, 48))
    with torch.no_grad():
        for own, other in ((0, 1), (1, 0)):
            tokens = backbone.tokens[own]
            x = block.norm(tokens)
            shares = torch.softmax(x[0] @ x.T / 6**0.5, 0)  # (8,)
            length = (tokens[0] + shares @ block.value(x)).norm()
            wanted = [
                shares[p] * (block.value.weight @ (x[p] - block.norm.bias)) @ described[other] / length
                for p in range(2, 8)
            ]
            np.testing.assert_allclose(found.maps[own].flatten(), wanted, atol=1e-6)
    assert found.similarity == pytest.approx(float(described[0] @ described[1]), abs=1e-6)


def scene():
    """Two walls of different colours, and the same pattern in another place of each: (2, 3, 128, 160) uint8."""
    rng = torch.Generator().manual_seed(5)
    walls = torch.tensor([[60, 90, 160], [150, 120, 60]]).view(2, 3, 1, 1)
    pair = walls + torch.randint(-8, 9, (2, 3, 128, 160), generator=rng)
    pattern = 255 * torch.randint(0, 2, (3, 4, 4), generator=rng).repeat_interleave(8, 1).repeat_interleave(8, 2)
    pair[0, :, 32:64, 96:128] = pair[1, :, 80:112, 16:48] = pattern
    return pair.clamp(0, 255).to(torch.uint8)


class Patches(nn.Module):
    """A backbone of one layer that sees each square of 16 pixels alone, so that no cell knows of the border."""

    mean, std, out_channels, stride, has_cls = (0.5,) * 3, (0.25,) * 3, 32, 16, False

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 32, 16, stride=16)

    def forward(self, x):
        return Features(self.layer(x).relu())


# Neither has the map, or gives each of its cells the same weights.
@pytest.mark.parametrize("aggregator", [name for name in choices("aggregator") if name not in ("cls", "mixvpr")])
def test_the_map_peaks_at_what_both_images_show(aggregator):
    torch.manual_seed(0)
    node = spec_of(aggregator=aggregator)["aggregator"]
    made = network_class(node.pop("_target_"))(in_channels=32, **node | ({"clusters": 4} if "clusters" in node else {}))
    net = DescriptorNet(Patches(), made, (128, 160))
    if isinstance(made, NetVLAD):
        made.initialise(net.features(scene()).map.detach().flatten(2).transpose(1, 2).flatten(0, 1))
    maps = attention(net, scene()).maps
    rows, columns = zip(*(divmod(int(each.argmax()), 10) for each in maps), strict=True)  # of 8 x 10 cells
    assert (rows[0] in (2, 3), columns[0] in (6, 7)) == (True, True)
    assert (rows[1] in (5, 6), columns[1] in (1, 2)) == (True, True)


WITH_MAP = [(backbone, "spoc") for backbone in choices("backbone")]
ALL = [("resnet18", name) for name in choices("aggregator") if name != "cls"] + WITH_MAP
HEAVY = ("vit", "cct384", "resnet101", "vgg16")
SLOW = [pytest.param(*each, marks=pytest.mark.slow if each[0] in HEAVY else ()) for each in ALL]


@pytest.mark.parametrize(("backbone", "aggregator"), SLOW)
def test_both_maps_add_up_to_the_similarity(backbone, aggregator):
    torch.manual_seed(1)
    net = DescriptorNet.from_spec(small(backbone, aggregator, head="fc", head__dim=16))
    net.head.linear.bias.data.normal_()
    net.train()
    net.backbone.eval()
    modes = [module.training for module in net.modules()]
    pair = images(2, 3, *net.image_size)
    with torch.inference_mode():  # as after a test of Lightning
        found = attention(net, pair)
    described = net.describe(pair)
    assert found.similarity == pytest.approx(float(described[0] @ described[1]), abs=1e-5)
    np.testing.assert_allclose(found.maps.sum(dim=(1, 2)), found.similarity, atol=1e-4)
    assert found.maps.shape[1:] == net.features(pair).map.shape[2:]
    assert float(found.maps.std()) > 0
    assert [module.training for module in net.modules()] == modes
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("backbone", [pytest.param(b, marks=[] if b == "timm" else pytest.mark.slow) for b in WITH_CLS])
def test_the_class_token_of_every_transformer(backbone):
    torch.manual_seed(1)
    net = DescriptorNet.from_spec(small(backbone, "cls"))
    pair = images(2, 3, *net.image_size)
    found, described = attention(net, pair), net.describe(pair)
    assert found.similarity == pytest.approx(float(described[0] @ described[1]), abs=1e-5)
    assert found.maps.shape[1:] == net.features(pair).map.shape[2:]
    assert float(found.maps.std()) > 0


def test_what_cannot_be_told_is_refused():
    backbone = OneToken()
    backbone.last_block = None
    with pytest.raises(InputError, match="attention: backbone=onetoken does not say which block makes its class token"):
        check_attention(DescriptorNet(backbone, Cls(6), (32, 48)))

    class Deaf(SPoC):
        def forward(self, features):
            return super().forward(features).detach()

    with pytest.raises(InputError, match="attention: the descriptor of Deaf has no gradient at the map"):
        attention(of_pixels(Deaf(3)), pair_of([[[1, 2, 3]]], [[[3, 2, 1]]]))


def test_heat_is_transparent_where_a_part_adds_nothing_and_of_the_last_colour_at_the_top():
    photo = Image.new("RGB", (40, 20), (100, 100, 100))
    drawn = np.asarray(overlay(photo, np.array([[-1.0, 0.0, 0.0, 2.0]], np.float32), top=2.0))
    assert (drawn[:, :25] == 100).all()
    wanted = COVER * COLOURS[-1] + (1 - COVER) * 100
    np.testing.assert_allclose(drawn[:, 36:], np.broadcast_to(wanted, (20, 4, 3)), atol=1)
    # Half the strength, in the middle between the centres of the last two cells.
    half = 0.5 * COVER * COLOURS[2] + (1 - 0.5 * COVER) * 100
    np.testing.assert_allclose(drawn[:, 29:31].mean(axis=(0, 1)), half, atol=2)
    assert (np.asarray(overlay(photo, np.zeros((2, 2), np.float32), top=0.0)) == 100).all()


def test_a_strip_has_one_scale():
    photo, frame = Image.new("RGB", (80, 40)), (1, 2, 3)
    strong, weak = np.full((2, 2), 0.4, np.float32), np.full((2, 2), 0.2, np.float32)
    row = np.asarray(heat_strip([Panel(photo, strong, frame), Panel(photo, weak, frame)], tile=(80, 60), frame=2))
    assert row.shape == (44, 84 + 18 + 84, 3)
    assert tuple(row[0, 0]) == frame
    np.testing.assert_allclose(row[20, 40], COVER * COLOURS[4], atol=1)
    np.testing.assert_allclose(row[20, 84 + 18 + 40], 0.5 * COVER * COLOURS[2], atol=1)
    assert (row[:, 84:102] == 255).all()


def judged(first_right, distances, answerable):
    """A result of which only what `choose` looks at is there; 4 candidates a query, rows 0 to 3."""
    ids = np.tile(np.arange(4), (len(first_right), 1))
    positives = [
        [] if not there else [9] if rank == 4 else [rank] for rank, there in zip(first_right, answerable, strict=True)
    ]
    found = Predictions(ids, np.tile(np.array(distances, np.float32)[:, None], (1, 4)), 10)
    return SimpleNamespace(predictions=found, positives=from_lists([np.array(rows, np.int64) for rows in positives]))


def test_the_hardest_wrong_queries_are_chosen_and_right_ones_evenly():
    result = judged(
        first_right=[0, 2, 0, 4, 4, 4, 0, 0, 0],
        distances=[0.1, 0.1, 0.1, 0.5, 0.4, 0.1, 0.1, 0.1, 0.1],
        answerable=[True, True, True, True, True, False, True, True, True],
    )
    assert choose(result, 6) == [4, 3, 1, 0, 6, 8]  # wrong: 4, 3, 1, then 5; right: 0, 2, 6, 7, 8
    assert choose(result, 1) == [4]
    assert choose(result, 9) == [4, 3, 1, 5, 0, 2, 6, 7, 8]
    assert choose(result, 100) == [4, 3, 1, 5, 0, 2, 6, 7, 8]
    assert choose(judged([0, 0, 0], [0, 0, 0], [True] * 3), 2) == [0, 2]
    assert choose(judged([4, 4], [0.2, 0.1], [True] * 2), 2) == [1, 0]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A run on the hard city with the attention of two queries."""
    folder = tmp_path_factory.mktemp("drawn")
    city = write_hard_city(folder / "hard")
    return work(folder / "run", *TASK, f"data.path={city}", "aggregator.clusters=4", "attention=2", "extraction=exact")


def test_a_run_draws_and_lists_what_it_shows(drawn):
    run = drawn
    with (run / "predictions" / "hard.csv").open() as file:
        predictions = list(csv.DictReader(file))
    with (run / "attention" / "hard.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["query", "database", "role", "file", "similarity"]
    assert {row["file"] for row in rows} == {"attention/hard/1.jpg", "attention/hard/2.jpg"}
    assert sorted(path.name for path in (run / "attention" / "hard").iterdir()) == ["1.jpg", "2.jpg"]
    for row in rows:
        own = [each for each in predictions if each["query"] == row["query"]]
        listed = next(each for each in own if each["database"] == row["database"])
        # Descriptors have unit length, so the squared distance is 2 - 2 cos.
        assert float(listed["distance"]) ** 2 == pytest.approx(2 - 2 * float(row["similarity"]), abs=1e-4)
        if row["role"] == "prediction":
            assert listed["rank"] == "1"
        else:
            assert row["role"] == "positive"
            assert listed == next(each for each in own if each["correct"] == "1")
    for file in ("1.jpg", "2.jpg"):
        own = [row for row in rows if row["file"].endswith(file)]
        right = any(
            each["correct"] == "1" and each["rank"] == "1" and each["query"] == own[0]["query"] for each in predictions
        )
        assert [row["role"] for row in own] == (["prediction"] if right else ["prediction", "positive"])
        with Image.open(run / "attention" / "hard" / file) as picture:
            assert picture.size == ((278 * 2 + 18, 278) if right else (278 * 3 + 18 + 6, 278))


def test_a_right_image_that_was_not_found_is_the_nearest_one():
    """Of the positives 7, 8 and 9 none is among the candidates 0 to 3; the query stands 1 m from 8."""
    xy = np.zeros((10, 2))
    xy[7:] = [[5, 0], [0, 1], [3, 0]]
    result = judged([4, 0, 1], [0, 0, 0], [True, True, False])
    result.positives = from_lists([np.array([7, 8, 9]), np.array([0, 8]), np.array([], np.int64)])
    result.domain = SimpleNamespace(database=SimpleNamespace(xy=xy), queries=SimpleNamespace(xy=np.zeros((3, 2))))
    assert shown(result, 0) == [("prediction", 0), ("positive", 8)]
    assert shown(result, 1) == [("prediction", 0)]
    assert shown(result, 2) == [("prediction", 0)]
    result.positives = from_lists([np.array([3, 2, 8]), *[np.array([0])] * 2])
    assert shown(result, 0) == [("prediction", 0), ("positive", 2)]


def test_a_run_whose_attention_fails_is_reported_all_the_same(tmp_path, mini_city, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("a foreign layer\nsays no")

    monkeypatch.setattr("geoloc.tasks.attention.attention", fail)
    run = work(tmp_path / "run", *TASK, f"data.path={mini_city}", "aggregator=spoc", "attention=1")
    assert "attention: cannot be drawn (a foreign layer)" in caplog.messages
    assert (run / "report.html").stat().st_size > 0


def test_queries_that_are_asked_for_by_name(tmp_path, mini_city):
    """In two domains; each has the query at 540202 m, and one of them that at 540302 m."""
    other = write_hard_city(tmp_path / "other", places=3)
    typed = [
        *TASK,
        "aggregator=spoc",
        f"data.path={mini_city}",
        f'test_folders=["{mini_city}","{other}"]',
        'attention=["540302","0540202.00"]',
    ]
    run = work(tmp_path / "run", *typed)
    listed = {}
    for name in (mini_city.name, "other"):
        with (run / "attention" / f"{name}.csv").open() as file:
            listed[name] = [(row["query"].split("@")[1], row["file"]) for row in csv.DictReader(file)]
    assert list(dict.fromkeys(listed[mini_city.name])) == [
        ("0540302.00", f"attention/{mini_city.name}/1.jpg"),
        ("0540202.00", f"attention/{mini_city.name}/2.jpg"),
    ]
    assert set(listed["other"]) == {("0540202.00", "attention/other/1.jpg")}


@pytest.mark.parametrize("task", ["test", "train"])
def test_names_of_no_query_or_of_several_are_refused_before_anything_is_computed(tmp_path, mini_city, task):
    typed = [*TASK, f"task={task}", f"data.path={mini_city}", 'attention=["zebra","0540"]']
    with pytest.raises(InputError) as caught:
        work(tmp_path / "run", *typed)
    name = mini_city.name
    assert caught.value.problems == (
        f"attention: no query of {name} is called, or has in its path, zebra",
        f"attention: 0540 fits 6 queries of {name}; type more of the path",
    )
    assert not (tmp_path / "run" / "predictions").exists()


@pytest.mark.parametrize("wanted", ["-1", "true", "2.5", "[7]"])
def test_what_is_no_number_and_no_list_of_names_is_refused(tmp_path, mini_city, wanted):
    with pytest.raises(
        InputError, match=r"^attention: must be a number from 0, or a list of paths of queries or parts"
    ):
        job_of(tmp_path, f"data.path={mini_city}", *TASK, f"attention={wanted}")


@pytest.mark.parametrize("typed", [["task=check"], ["task=describe", "checkpoint=null"]])
def test_it_is_refused_where_nothing_is_judged(tmp_path, mini_city, typed):
    with pytest.raises(InputError, match="attention: has an effect on task=train and task=test alone"):
        job_of(tmp_path, f"data.path={mini_city}", *TASK, *typed, "attention=2")
