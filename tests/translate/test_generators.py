import sys
import zipfile
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from geoloc.errors import InputError
from geoloc.translate.generators import load_generator
from geoloc.translate.unet import UNet

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    made = UNet(depth=3, width=2)
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
    return made.eval()


class Noisy(nn.Module):
    def forward(self, x):
        return nn.functional.dropout(x, 0.5, True)


class Fussy(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[2] != 256:
            raise ValueError("only 256 rows")
        return x


def pictures(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def scripted(net, path):
    torch.jit.trace(net, pictures(1, 3, 64, 64)).save(path)
    return path


def exported(net, path, dynamic):
    sides = {2: 8 * torch.export.Dim("h", min=2, max=200), 3: 8 * torch.export.Dim("w", min=2, max=200)}
    free = {0: torch.export.Dim("b", min=1, max=64), **sides}
    program = torch.export.export(
        net, (pictures(2 if dynamic else 1, 3, 64, 96),), dynamic_shapes=(free,) if dynamic else None
    )
    torch.export.save(program, path)
    return path


def test_a_state_dict(net, tmp_path):
    for content in (net.state_dict(), {"state_dict": {f"module.{k}": v for k, v in net.state_dict().items()}}):
        torch.save(content, tmp_path / "net.pth")
        generator = load_generator(tmp_path / "net.pth")
        x = pictures(2, 3, 16, 24)
        assert torch.equal(generator(x), net(x))
        assert not generator(x).requires_grad
        assert (generator.multiple, generator.size) == (8, None)


def test_an_old_file_that_is_no_zip(net, tmp_path):
    torch.save(net.state_dict(), tmp_path / "net.pth", _use_new_zipfile_serialization=False)
    x = pictures(1, 3, 8, 8)
    assert torch.equal(load_generator(tmp_path / "net.pth")(x), net(x))


def test_torchscript_under_any_name(net, tmp_path):
    generator = load_generator(scripted(net, tmp_path / "net.pth"))
    x = pictures(1, 3, 128, 64)
    torch.testing.assert_close(generator(x), net(x))
    assert (generator.multiple, generator.size) == (None, None)


def test_an_export_of_any_size(net, tmp_path):
    generator = load_generator(exported(net, tmp_path / "net.pt2", dynamic=True))
    x = pictures(3, 3, 16, 256)
    torch.testing.assert_close(generator(x), net(x))
    assert (generator.size, generator.single) == (None, False)


def test_an_export_of_one_size_and_one_picture(net, tmp_path):
    generator = load_generator(exported(net, tmp_path / "net.pt2", dynamic=False))
    x = pictures(3, 3, 64, 96)
    torch.testing.assert_close(generator(x), net(x))
    assert (generator.size, generator.single) == ((64, 96), True)


class Session:
    """Stands for onnxruntime: halves its input."""

    shape = ("batch", 3, "height", "width")

    def __init__(self, path, providers):
        self.calls = []

    def get_inputs(self):
        return [SimpleNamespace(name="day", shape=list(self.shape))]

    def run(self, outputs, feed):
        assert outputs is None
        self.calls.append(feed["day"].shape)
        return [feed["day"] / 2]


@pytest.mark.parametrize(
    ("shape", "size", "single"),
    [
        (("batch", 3, "height", "width"), None, False),
        ((None, 3, None, None), None, False),
        ((1, 3, 32, 48), (32, 48), True),
        (("batch", 3, 32, 48), (32, 48), False),
    ],
)
def test_onnx(tmp_path, monkeypatch, shape, size, single):
    (tmp_path / "net.onnx").touch()
    session = type("Fixed", (Session,), {"shape": shape})
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(InferenceSession=session))
    generator = load_generator(tmp_path / "net.onnx")
    x = pictures(2, 3, 32, 48)
    assert torch.equal(generator(x), x / 2)
    assert (generator.size, generator.single) == (size, single)


class TestRefusals:
    def test_onnx_without_its_runtime(self, tmp_path, monkeypatch):
        (tmp_path / "net.onnx").touch()
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(InputError, match=r"needs onnxruntime: pip install 'geoloc\[translate\]'$"):
            load_generator(tmp_path / "net.onnx")

    @pytest.mark.parametrize(
        ("shape", "said"),
        [
            ((4, 3, 32, 32), r"takes \(4, 3, 32, 32\)"),
            ((1, 1, 32, 32), r"takes \(1, 1, 32, 32\)"),
            ((1, 3, 32, "width"), "only one of height and width is fixed"),
            ((3, 32, 32), "a generator takes one input"),
        ],
    )
    def test_onnx_of_another_input(self, tmp_path, monkeypatch, shape, said):
        (tmp_path / "net.onnx").touch()
        session = type("Fixed", (Session,), {"shape": shape})
        monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(InferenceSession=session))
        with pytest.raises(InputError, match=said):
            load_generator(tmp_path / "net.onnx")

    def test_a_device_that_is_not_there(self, tmp_path):
        (tmp_path / "net.pth").touch()
        for device in ("cuda:77", "lamp"):
            with pytest.raises(InputError, match=f"^device {device}: "):
                load_generator(tmp_path / "net.pth", device)

    def test_no_file_and_no_network(self, tmp_path):
        with pytest.raises(InputError, match=r"net\.pth: no such file$"):
            load_generator(tmp_path / "net.pth")
        (tmp_path / "net.pth").write_text("day")
        with pytest.raises(InputError, match=r"net\.pth: cannot be read as a file of weights"):
            load_generator(tmp_path / "net.pth")

    def test_damaged_archives(self, tmp_path):
        for name, inside in (("a.pt", "a/constants.pkl"), ("b.pt2", "b/archive_format")):
            with zipfile.ZipFile(tmp_path / name, "w") as archive:
                archive.writestr(inside, "pt2")
            with pytest.raises(InputError, match="cannot be read as"):
                load_generator(tmp_path / name)

    def test_pickled_objects_in_an_export(self, net, tmp_path):
        path = exported(net, tmp_path / "net.pt2", dynamic=False)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("net/data/constants/opaque_obj_0", b"cos\nsystem\n(S'true'\ntR.")
        with pytest.raises(InputError, match="carries pickled Python objects, which are not read"):
            load_generator(path)

    def test_dropout_that_was_exported(self, tmp_path):
        program = torch.export.export(Noisy(), (pictures(1, 3, 8, 8),))
        torch.export.save(program, tmp_path / "net.pt2")
        with pytest.raises(InputError, match=r"answers differently each time; export it in evaluation mode"):
            load_generator(tmp_path / "net.pt2")

    def test_a_range_of_sizes_without_the_probe_s(self, tmp_path):
        free = {2: torch.export.Dim("h", min=2, max=64), 3: torch.export.Dim("w", min=2, max=64)}
        program = torch.export.export(nn.Tanh(), (pictures(1, 3, 8, 8),), dynamic_shapes=(free,))
        torch.export.save(program, tmp_path / "net.pt2")
        generator = load_generator(tmp_path / "net.pt2")
        x = pictures(1, 3, 64, 9)
        torch.testing.assert_close(generator(x), x.tanh())
        with pytest.raises(InputError, match="takes no pictures of 1x3x65x9"):
            generator(pictures(1, 3, 65, 9))

    def test_pictures_that_a_network_cannot_take(self, tmp_path):
        torch.jit.script(Fussy()).save(tmp_path / "net.pt")
        generator = load_generator(tmp_path / "net.pt")
        assert generator(pictures(1, 3, 256, 512)).shape == (1, 3, 256, 512)
        with pytest.raises(InputError, match=r"takes no pictures of 1x3x512x256 \(.*only 256 rows.*\); name --size$"):
            generator(pictures(1, 3, 512, 256))

    def test_statistics_of_what_has_none(self, net, tmp_path):
        with pytest.raises(
            InputError, match="statistics=image can be chosen for state dicts alone, not for TorchScript"
        ):
            load_generator(scripted(net, tmp_path / "net.pt"), statistics="image")
