"""The two scripts, from the command line to the files."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mini import write_mini_city
from PIL import Image

from geoloc.data.demo_city import pairs
from geoloc.data.images import read_image, to_tensor
from geoloc.translate.frames import translate_frame
from geoloc.translate.generators import load_generator
from geoloc.translate.unet import UNet

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def call(monkeypatch, capsys):
    def run(script, *arguments):
        monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
        code = 0
        try:
            runpy.run_path(str(SCRIPTS / script), run_name="__main__")
        except SystemExit as stop:
            code = stop.code
        told = capsys.readouterr()
        return code, told.out + told.err

    return run


def save_net(path, seed=0):
    torch.manual_seed(seed)
    net = UNet(depth=3, width=2)
    for value in net.state_dict().values():
        if value.is_floating_point():
            value.add_(torch.rand_like(value) * 0.3)
    torch.save(net.state_dict(), path)
    return path


class TestTranslate:
    def test_from_photos_to_twins(self, call, tmp_path):
        net, city = save_net(tmp_path / "net.pth"), write_mini_city(tmp_path / "city", places=3)
        code, told = call("translate.py", net, city, "--device", "cpu", "--batch", 2)
        twins = city / "images" / "train" / "queries_translated"
        assert code == 0
        assert f"{twins}: 3 twins written" in told
        generator = load_generator(net)
        photos = sorted((city / "images" / "train" / "queries").iterdir())
        assert sorted(path.name for path in twins.glob("*.jpg")) == [path.name for path in photos]
        for photo in photos:
            expected = translate_frame(generator, to_tensor(read_image(photo))).float()
            found = to_tensor(read_image(twins / photo.name)).float()
            assert (found - expected).abs().mean() < 4  # JPEG
            assert (found - to_tensor(read_image(photo))).abs().mean() > 20
        assert [path.name for path in (city / "images" / "val").iterdir()] == ["database", "queries"]

        code, told = call("translate.py", net, city, "--device", "cpu")
        assert f"{twins}: 0 twins written" in told
        other = save_net(tmp_path / "other.pth", seed=1)
        for arguments in ((other, city), (net, city, "--size", 32), (net, city, "--statistics", "image")):
            code, told = call("translate.py", *arguments, "--device", "cpu")
            assert code == 2
            assert "queries_translated: was begun with another generator or options" in told.splitlines()[-1]
        code, told = call("translate.py", other, city, "--out", "dark", "--size", 32, 48, "--device", "cpu")
        assert "dark: 3 twins written" in told

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--split", "test"], "--split test: translations belong to training alone"),
            (["--split", "val"], "--split val: translations belong to training alone"),
            (["--out", "queries"], "must be the name of a new folder beside 'queries', not 'queries'"),
            (["--out", "database"], "must be the name of a new folder"),
            (["--batch", "0"], "--batch 0: must be at least 1"),
            (["--size", "1", "2", "3"], "--size takes height and width in pixels"),
            (["--queries", "views"], "views: no such folder"),
        ],
    )
    def test_refusals_write_nothing(self, call, tmp_path, mini_city, arguments, said):
        before = sorted(mini_city.rglob("*"))
        code, told = call("translate.py", save_net(tmp_path / "net.pth"), mini_city, "--device", "cpu", *arguments)
        assert code == 2
        assert said in told.splitlines()[-1]
        assert sorted(mini_city.rglob("*")) == before

    def test_other_splits_only_when_asked_for(self, call, tmp_path):
        net, city = save_net(tmp_path / "net.pth"), write_mini_city(tmp_path / "city", places=2)
        code, _ = call("translate.py", net, city, "--split", "test", "--unscored", "--device", "cpu")
        assert code == 0
        assert len(list((city / "images" / "test" / "queries_translated").glob("*.jpg"))) == 2


class TestTrain:
    small = (
        "--size",
        32,
        32,
        "--width",
        2,
        "--depth",
        2,
        "--batch",
        2,
        "--streets",
        1,
        "--pairs",
        2,
        "--device",
        "cpu",
    )

    @pytest.fixture(autouse=True)
    def _few_streets(self, monkeypatch):
        """Noise instead of streets, which take seconds to build; what the script asks for is kept."""
        self.asked = []

        def noise(plan, seed, street):
            self.asked.append((seed, street, plan.splits[-1].name))
            rng = np.random.default_rng([seed, street])
            for _ in range(plan.splits[-1].queries):
                day = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
                yield pairs.Pair(day, day // 4)

        monkeypatch.setattr(pairs, "render_pairs", noise)

    def test_files_and_their_content(self, call, tmp_path):
        code, told = call("train_translator.py", "--steps", 2, "--out", tmp_path / "net.pth", *self.small)
        assert code == 0, told
        assert sorted(path.name for path in tmp_path.iterdir()) == ["net.png", "net.pth", "net.training.pth"]
        assert self.asked == [(0, 1, "pairs"), (0, 0, "pairs")]  # street 0 is shown, and never trained on
        generator = load_generator(tmp_path / "net.pth")
        day = torch.from_numpy(np.random.default_rng([0, 0]).integers(0, 256, (240, 320, 3), dtype=np.uint8))
        day = day.permute(2, 0, 1)
        sheet = np.asarray(Image.open(tmp_path / "net.png"))
        assert sheet.shape == (6 * 240, 3 * 320, 3)
        expected = torch.cat([day, translate_frame(generator, day), day // 4], 2).permute(1, 2, 0)
        assert np.abs(sheet[:240].astype(int) - expected.numpy()).max() <= 1
        assert np.array_equal(sheet[:240, :320], expected[:, :320])

    def test_going_on_is_as_never_having_stopped(self, call, tmp_path):
        call("train_translator.py", "--steps", 4, "--out", tmp_path / "whole.pth", *self.small)
        call("train_translator.py", "--steps", 2, "--out", tmp_path / "parts.pth", *self.small)
        half = torch.load(tmp_path / "parts.pth")
        code, told = call("train_translator.py", "--steps", 4, "--out", tmp_path / "parts.pth", *self.small)
        assert code == 0
        assert "going on from step 2" in told
        whole, parts = (torch.load(tmp_path / f"{name}.pth") for name in ("whole", "parts"))
        assert whole.keys() == parts.keys()
        assert all(torch.equal(whole[name], parts[name]) for name in whole)
        assert not torch.equal(half["model.model.0.weight"], parts["model.model.0.weight"])

    def test_a_generator_that_was_deleted_comes_back(self, call, tmp_path):
        net = tmp_path / "net.pth"
        call("train_translator.py", "--steps", 2, "--out", net, *self.small)
        trained = torch.load(net)
        net.unlink()
        code, told = call("train_translator.py", "--steps", 1, "--out", net, *self.small)
        assert code == 0
        assert "net.training.pth: has 2 steps already" in told
        assert all(torch.equal(value, trained[name]) for name, value in torch.load(net).items())

    def test_other_options_are_refused(self, call, tmp_path):
        call("train_translator.py", "--steps", 1, "--out", tmp_path / "net.pth", *self.small)
        code, told = call("train_translator.py", "--out", tmp_path / "net.pth", *self.small, "--width", 3)
        assert code == 2
        assert "net.training.pth: was begun with width 2; give the same, or name another --out" in told.splitlines()[-1]

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (
                ["--size", "100", "128"],
                "--size 100: with --depth 5 a crop's side must be a multiple of 32 from 96 to 240",
            ),
            (
                ["--size", "128", "384"],
                "--size 384: with --depth 5 a crop's side must be a multiple of 32 from 96 to 320",
            ),
            (["--depth", "6"], "--size 128: with --depth 6 a crop's side must be a multiple of 64 from 192 to 240"),
            (["--depth", "1"], "--depth 1: must be at least 2"),
            (["--save-every", "0"], "--save-every 0: must be at least 1"),
            (["--seed", "-1"], "--seed -1: must be at least 0"),
            (["--out", "night.png"], "--out night.png: must be a file for the generator, such as night.pth"),
            (["--out", "."], "--out .: must be a file for the generator, such as night.pth"),
        ],
    )
    def test_wrong_options(self, call, arguments, said):
        code, told = call("train_translator.py", *arguments)
        assert code == 2
        assert said in told.splitlines()[-1]
        assert self.asked == []
