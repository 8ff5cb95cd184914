"""Photos into an index: positions of every kind, networks that are told apart, photos that are there already."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from made import add, files_in, index_of
from mini import name_of, write_image, write_side
from networks import spec_of
from phone import gps, write_photo
from PIL import Image

import geoloc
from geoloc.data.georeferenced import photos_with_positions
from geoloc.data.readers import read_places
from geoloc.earth import from_latlon, in_one_frame
from geoloc.errors import InputError
from geoloc.multiscale.pyramid import Pyramid
from geoloc.multiscale.scaling import at_scales
from geoloc.net import DescriptorNet
from geoloc.place_index import adding
from geoloc.places import PlaceSet


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return DescriptorNet.from_spec(spec_of(aggregator="gem", size=(32, 48))).eval()


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos") / "street"
    write_side(folder, [500_000 + 100 * n for n in range(8)])
    return folder


def test_a_folder_becomes_an_index_and_each_photo_finds_itself(net, photos, tmp_path):
    index = geoloc.Index.build(net, photos, tmp_path / "index")
    again = geoloc.Index.load(tmp_path / "index", net)
    places = read_places(photos)
    for each in (index, again):
        assert each.ids.tolist() == places.names.tolist()
        assert each.paths.tolist() == [str(photos / name) for name in places.names]
        assert np.array_equal(each.xy, places.xy)
        assert each.coordinates == "utm"
        assert each.zones.tolist() == ["17 north"] * 8
        assert each.model == net.digest()
        assert each.dim == 256
    paths = [photos / name for name in places.names]
    vectors = net.describe(paths).numpy()
    assert agree(again.database, vectors)
    for found in (again.search(paths, 2, net), again.search(vectors, 2, net), again.search(vectors, 2)):
        assert found.rows[:, 0].tolist() == list(range(8))
        assert found.distances[:, 0].max() < 0.01
    one = again.search(str(paths[3]), 1, net)
    assert one.ids.tolist() == [[places.names[3]]]
    assert one.latlon[0, 0] == pytest.approx(from_utm(places.xy[3]), abs=1e-9)


def agree(one, other):
    """Whether descriptors are the same but for the precision that the processor is fastest in."""
    return (np.asarray(one) * np.asarray(other)).sum(axis=1).min() > 0.9999


def from_utm(xy):
    import utm

    return utm.to_latlon(*xy, 17, northern=True)


def test_adding_describes_what_is_new_alone(net, photos, tmp_path, monkeypatch):
    index = geoloc.Index.build(net, photos)
    more = tmp_path / "more"
    write_side(more, [510_000, 510_100])
    described = []
    real = adding.described
    monkeypatch.setattr(adding, "described", lambda net, paths, *how: described.extend(paths) or real(net, paths, *how))
    assert index.add(more, net) == 2
    assert [path.parent for path in described] == [more, more]
    assert len(index) == 10
    assert index.search(sorted(more.iterdir()), 1, net).rows.ravel().tolist() == [8, 9]


def test_photos_that_are_there_already(net, photos, tmp_path, caplog):
    own = tmp_path / "street"
    shutil.copytree(photos, own)
    index = geoloc.Index.build(net, own)
    write_image(own / name_of(600_000), seed=77)
    with pytest.raises(
        InputError, match=r"8 of 9 photos have an id that .* holds already .* and 5 more\); same='skip'"
    ):
        index.add(own, net)
    assert len(index) == 8
    assert index.add(own, net, same="skip") == 1
    assert index.add(own, net, same="skip") == 0
    first = index.ids[0]
    write_image(own / first, seed=1234)
    before = np.asarray(index.database)
    assert index.add(own, net, same="replace") == 9
    assert len(index) == 9
    assert sorted(index.ids) == sorted(path.name for path in own.iterdir())
    after = dict(zip(index.ids, np.asarray(index.database), strict=True))
    assert not agree(after[first][None], before[:1])
    assert agree(after[index.ids[1]][None], before[1:2])
    caplog.clear()
    assert index.add(own, net, prefix="again/") == 9
    assert "9 photos are in the index under another id as well" in caplog.text
    assert index.ids[9] == f"again/{sorted(after)[0]}"
    assert index.paths[9] == index.paths[0]
    with pytest.raises(InputError, match="same='twice': must be refuse, skip or replace"):
        index.add(own, net, same="twice")


def test_another_network_is_refused_everywhere(net, photos, tmp_path):
    index = geoloc.Index.build(net, photos, tmp_path / "index")
    torch.manual_seed(1)
    spec = spec_of(aggregator="gem", size=(32, 48))
    others = {"weights": DescriptorNet.from_spec(spec)}
    others["size"] = DescriptorNet.from_spec({**spec, "image_size": [48, 48]})
    others["size"].load_state_dict(net.state_dict())
    others["whitening"] = DescriptorNet.from_spec(spec)
    others["whitening"].load_state_dict(net.state_dict())
    others["whitening"].add_whitening({"_target_": "geoloc.heads.whitening.PCA", "dim": 256}).fit(torch.randn(300, 256))
    for other in others.values():
        for call in (
            lambda other=other: index.add(photos, other, prefix="x"),
            lambda other=other: index.search([photos / index.ids[0]], 1, other),
            lambda other=other: index.search(np.zeros((1, 256), np.float32), 1, other),
            lambda other=other: geoloc.Index.load(tmp_path / "index", other),
        ):
            with pytest.raises(InputError, match=r"holds descriptors of another network .*; load the one"):
                call()
    with at_scales(net, Pyramid([0.5, 1.0])):
        with pytest.raises(
            InputError, match=r"described with multiscale None, and this network has Pyramid\(scales=\["
        ):
            index.add(photos, net, prefix="x")
        scaled = geoloc.Index.build(net, photos)
        assert scaled.add(photos, net, prefix="x") == 8
    with pytest.raises(InputError, match=r"described with multiscale Pyramid\(.*, and this network has None"):
        scaled.search([photos / index.ids[0]], 1, net)
    assert len(index) == 8


def test_where_a_photo_cannot_be_read_the_index_is_as_it_was(net, photos, tmp_path):
    index = geoloc.Index.build(net, photos)
    more = tmp_path / "more"
    paths = write_side(more, [510_000, 510_100, 510_200])
    paths[1].write_bytes(b"not a photo")
    before = index.contents
    with pytest.raises(InputError, match=rf"{paths[1].name}: cannot be read as an image"):
        index.add(more, net)
    assert index.contents is before


def test_a_network_that_has_diverged_spoils_nothing(photos):
    broken = DescriptorNet.from_spec(spec_of(aggregator="gem", size=(32, 48))).eval()
    with torch.no_grad():
        broken.backbone.conv1.weight.fill_(float("nan"))
    with pytest.raises(InputError, match=r"@\.jpg: its descriptor is not finite; the network has diverged"):
        geoloc.Index.build(broken, photos)


def test_saving_block_by_block_and_going_on(net, photos, tmp_path, monkeypatch):
    """What a killed build has saved is not described again."""
    monkeypatch.setattr(adding, "PHOTOS", 3)
    real = adding.described

    def stopped(*how):
        for number, vectors in enumerate(real(*how)):
            if number == 5:
                raise KeyboardInterrupt
            yield vectors

    with monkeypatch.context() as patch:
        patch.setattr(adding, "described", stopped)
        with pytest.raises(KeyboardInterrupt):
            geoloc.Index.build(net, photos, tmp_path / "index", batch_size=1)
    index = geoloc.Index.load(tmp_path / "index", net)
    assert len(index) == 3
    with pytest.raises(InputError, match=r"holds an index; geoloc\.Index\.load\(folder\)\.add"):
        geoloc.Index.build(net, photos, tmp_path / "index")
    assert index.add(photos, net, same="skip", save=True, batch_size=2) == 5
    whole = geoloc.Index.build(net, photos)
    found = geoloc.Index.load(tmp_path / "index")
    assert found.ids.tolist() == whole.ids.tolist()
    assert agree(found.database, whole.database)
    assert [len(segment) for segment in found.contents.segments] == [3, 3, 2]


def test_replacing_block_by_block_never_loses_a_photo(net, photos, tmp_path, monkeypatch):
    geoloc.Index.build(net, photos, tmp_path / "index")
    monkeypatch.setattr(adding, "PHOTOS", 3)
    index = geoloc.Index.load(tmp_path / "index", net)
    sizes = []
    real = geoloc.Index.save
    monkeypatch.setattr(geoloc.Index, "save", lambda self: real(self) or sizes.append(len(self)))
    index.add(photos, net, same="replace", save=True)
    assert sizes == [8, 8, 8]
    assert len(geoloc.Index.load(tmp_path / "index")) == 8


def test_zones_that_come_later_give_the_positions_of_a_build_at_once(net, tmp_path):
    """Around the border of zones 32 and 33, at 12 degrees east; in one frame by `earth.in_one_frame`."""
    rng = np.random.default_rng(0)
    west = np.stack([rng.uniform(48, 48.05, 6), rng.uniform(11.95, 11.999, 6)], axis=1)
    east = np.stack([rng.uniform(48, 48.05, 4), rng.uniform(12.001, 12.05, 4)], axis=1)
    for side, latlon in (("west", west), ("east", east)):
        for number, place in enumerate(latlon):
            write_photo(tmp_path / side / f"{number}.jpg", gps(*place), image=Image.new("RGB", (9, 9), (number, 0, 0)))
    index = geoloc.Index.build(net, tmp_path / "west")
    assert (index.coordinates, index.frame.zone) == ("utm", "32 north")
    assert index.xy.shape == (6, 2)
    index.add(tmp_path / "east", net, prefix="east/")
    assert index.coordinates == "earth"
    at_once = geoloc.Index.build(net, [*sorted((tmp_path / "west").iterdir()), *sorted((tmp_path / "east").iterdir())])
    order = [at_once.ids.tolist().index(f"{name}" if "/" in name else f"west/{name}") for name in index.ids]
    assert np.array_equal(index.xy, at_once.xy[order])
    both = np.concatenate([west, east])
    assert np.allclose(index.xy, in_one_frame(*from_latlon(both)), atol=0.01)
    assert np.allclose(index.latlon, both, atol=1e-7)
    assert np.allclose(index.frame.latlon(index.xy), both, atol=1e-5)  # within a metre
    metres, zones = index.frame.utm(index.xy)
    assert zones.tolist() == ["32 north"] * 6 + ["33 north"] * 4
    assert np.abs(metres - from_latlon(both)[0]).max() < 1
    index.remove([name for name in index.ids if name.startswith("east/")])
    assert index.coordinates == "utm"
    assert index.xy.shape == (6, 2)


def test_positions_that_cannot_be_put_together_are_refused_before_the_work(net, photos, tmp_path):
    index = geoloc.Index.build(net, photos)
    unsaid = tmp_path / "unsaid"
    write_image(unsaid / "@500000.0@4000000.0@.jpg", seed=1)
    assert index.add(unsaid, net) == 1  # nothing says that it lies in another zone
    assert index.coordinates == "utm"
    assert np.isfinite(index.latlon).all()
    other = tmp_path / "other"
    write_image(other / "@500000.0@4000000.0@18@T@.jpg", seed=1)
    with pytest.raises(InputError, match=r"several UTM zones \(17 north, 18 north\), and 1 do not say in which"):
        index.add(other, net)
    local = tmp_path / "local"
    write_image(local / "@5.0@7.0@.jpg", seed=1)
    with pytest.raises(InputError, match=r"lies outside UTM|looks like latitude"):
        index.add(local, net)
    places = read_places(local, "local")
    with pytest.raises(
        InputError, match=r"are in a local frame \(coordinates=local\), and those of .* are places on the"
    ):
        index.add(places, net)
    own = geoloc.Index.build(net, local, coordinates="local")
    assert own.frame.coordinates == own.coordinates == "local"
    assert own.xy.tolist() == [[5, 7]]
    assert np.isnan(own.latlon).all()
    assert np.isnan(own.frame.latlon(own.xy)).all()
    assert np.isnan(own.frame.utm(own.xy)[0]).all()
    with pytest.raises(InputError, match=r"are places on the earth, and those of .* are in a local frame"):
        own.add(read_places(photos), net)
    earth = PlaceSet(photos, np.array(["a.jpg"]), np.zeros((1, 3)), coordinates="earth")
    with pytest.raises(InputError, match="in the frame of several UTM zones; give the folder"):
        geoloc.Index.build(net, earth)


def test_half_said_zones_have_degrees_where_others_say_the_rest():
    index = index_of()
    add(index, [1], zone="17")
    assert np.isnan(index.latlon).all()
    assert index.frame.zone == ""
    add(index, [2], zone="17 south")
    add(index, [3], zone="")
    assert index.frame.zone == "17 south"
    assert np.isfinite(index.latlon).all()
    assert np.allclose(index.latlon, index.frame.latlon(index.xy))
    assert (index.latlon[:, 0] < 0).all()


def test_times_and_positions_come_with_the_photos(net, tmp_path):
    folder = tmp_path / "phone"
    write_photo(folder / "a.jpg", gps(39.95, -75.19), "2024:06:01 14:00:00", "+02:00")
    write_photo(folder / "b.jpg", gps(39.96, -75.19, x1d="2024:06:02", x07=(1.0, 2.0, 3.0)), "2024:06:02 03:02:03")
    write_photo(folder / "c.jpg")
    write_photo(folder / name_of(482_000, 4_422_000, time="20240603_120000").replace("17@T", "18@S"))
    index = geoloc.Index.build(net, folder)
    assert index.times.tolist() == ["2024-06-03T12:00:00", "2024-06-01T14:00:00+02:00", "2024-06-02T01:02:03+00:00"]
    assert index.latlon[1:] == pytest.approx(np.array([[39.95, -75.19], [39.96, -75.19]]), abs=1e-6)
    assert set(index.zones) == {"18 north"}
    assert files_in(folder) >= {"c.jpg"}
    assert len(photos_with_positions(folder)) == 3


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_types_of_descriptors(net, photos, tmp_path, dtype):
    index = geoloc.Index.build(net, photos, tmp_path / "index", dtype=dtype)
    again = geoloc.Index.load(tmp_path / "index")
    assert index.database.dtype == again.database.dtype == dtype
    again.add(photos, net, prefix="x")
    assert again.database.dtype == dtype
    assert np.array_equal(again.database[8:], again.database[:8])
    with pytest.raises(InputError, match="dtype='int8': must be float32 or float16"):
        geoloc.Index.build(net, photos, dtype="int8")
