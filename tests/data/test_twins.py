import pytest
import torch

from geoloc.data.twins import Twins, twin_name
from geoloc.errors import InputError

DAY = "/sets/images/train/city/images/train/queries/north/@1@2@.jpg"
NIGHT = "/sets/images/train/city/images/train/queries_translated/north/@1@2@.jpg"


def drawn(twins, seeds):
    paths = []
    for seed in seeds:
        torch.manual_seed(seed)
        paths.append(twins(DAY))
    return paths


def test_probability_none_and_one():
    assert set(drawn(Twins(p=0), range(50))) == {DAY}
    assert set(drawn(Twins(p=1), range(50))) == {NIGHT}


def test_the_draw_is_torchs():
    """Below p: the twin."""
    expected = []
    for seed in range(200):
        torch.manual_seed(seed)
        expected.append(NIGHT if torch.rand(()).item() < 0.3 else DAY)
    assert drawn(Twins(p=0.3), range(200)) == expected
    assert 40 < expected.count(NIGHT) < 80  # 60 of 200, give or take three standard deviations (6.5)


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_what_is_drawn_afterwards_does_not_depend_on_p(p):
    torch.manual_seed(3)
    torch.rand(())
    expected = torch.rand(4)
    torch.manual_seed(3)
    Twins(p)(DAY)
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize(
    ("photo", "twin"),
    [
        ("images/train/queries/a.jpg", "images/train/dark/a.jpg"),
        ("images/train/queries/a.PNG", "images/train/dark/a.PNG.jpg"),
        ("images/train/queries/queries/a.jpg", "images/train/dark/queries/a.jpg"),
        ("images/train/queries/train/queries/a.jpg", "images/train/queries/train/dark/a.jpg"),
    ],
)
def test_where_twins_lie(photo, twin):
    assert Twins(1, folder="dark").twin(photo) == twin


def test_names_of_twins_are_apart():
    assert len({twin_name(name) for name in ("a.jpg", "a.JPG", "a.jpeg", "a.png", "a.webp")}) == 5


@pytest.mark.parametrize(
    "photo",
    ["images/test/queries/a.jpg", "images/val/queries/a.jpg", "images/train/database/a.jpg", "train/queries", "a.jpg"],
)
def test_only_training_queries_have_twins(photo):
    with pytest.raises(InputError, match=f"^{photo}: only photos below train/queries have night twins$"):
        Twins(1)(photo)


class TestCheck:
    @pytest.fixture
    def photos(self, tmp_path):
        paths = [tmp_path / "images" / "train" / "queries" / name for name in ("a.jpg", "b.png", "c.jpg")]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return [str(path) for path in paths]

    def test_all_there(self, photos, tmp_path):
        folder = tmp_path / "images" / "train" / "queries_translated"
        folder.mkdir()
        for name in ("a.jpg", "b.png.jpg", "c.jpg"):
            (folder / name).touch()
        Twins(0.5).check(photos)
        (folder / "b.png.jpg").unlink()
        with pytest.raises(InputError) as caught:
            Twins(0.5).check(photos)
        assert str(caught.value) == (
            f"{folder}: 1 of 3 training queries have no night twin; make them with:"
            f" python scripts/translate.py GENERATOR {tmp_path}"
        )

    def test_the_command_names_other_folders(self, photos, tmp_path):
        with pytest.raises(InputError, match=rf"3 of 3 .*translate\.py GENERATOR {tmp_path} --out dark$"):
            Twins(0.5, folder="dark").check(photos)
        moved = [path.replace("queries", "views") for path in photos]
        with pytest.raises(InputError, match=rf"GENERATOR {tmp_path} --out dark --queries views$"):
            Twins(0.5, folder="dark", queries="views").check(moved)

    def test_nothing_is_asked_for_what_is_never_drawn(self, photos):
        Twins(0).check(photos)
        with pytest.raises(InputError):
            Twins(0.001).check(photos)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"p": 1.5}, r"p must lie in 0\.\.1, not 1\.5"),
        ({"p": -0.1}, "p must lie in"),
        ({"p": 1, "folder": "a/b"}, "the twins' folder must be the name of a new folder beside 'queries', not 'a/b'"),
        ({"p": 1, "folder": "queries"}, "folder must be the name"),
        ({"p": 1, "folder": ""}, "folder must be the name"),
        ({"p": 1, "folder": "database"}, "folder must be the name"),
        ({"p": 1, "folder": ".."}, "folder must be the name"),
    ],
)
def test_wrong_options(options, said):
    with pytest.raises(ValueError, match=said):
        Twins(**options)
