"""A compiled backbone gives the descriptors of the one that is not, whatever the size of a batch; or is not used."""

from __future__ import annotations

import logging

import pytest
import torch
from command_line import TINY, geoloc, only_run, results_of
from mini import write_hard_city
from test_extraction import images, some_net

from geoloc.extraction.compiling import Compiled, Shapes, shapes
from geoloc.extraction.describer import Describer
from geoloc.features import Features
from geoloc.report.protocol import protocol_rows

CPU, GPU, SIZE = torch.device("cpu"), torch.device("cuda"), (480, 640)


def test_the_number_of_pixels_decides():
    # 6e9 / (480 * 640) = 19531.25
    assert shapes("auto", CPU, 19_531, 16, [SIZE]) is None
    assert shapes("auto", CPU, 19_532, 16, [SIZE]) == Shapes(16, frozenset([SIZE]))
    assert shapes("auto", CPU, 15_626, 16, [SIZE, (240, 320)]) == Shapes(16, frozenset([SIZE, (240, 320)]))
    assert shapes("auto", GPU, 10**6, 256, [SIZE]) is None
    assert shapes(True, GPU, 1, 256, [SIZE]) == Shapes(256, frozenset([SIZE]))
    assert shapes(False, CPU, 10**6, 16, [SIZE]) is None


class Twice(torch.nn.Module):
    """A backbone that doubles, and remembers the shapes that it was shown."""

    def __init__(self, seen: list) -> None:
        super().__init__()
        self.seen = seen

    def forward(self, x: torch.Tensor) -> Features:
        self.seen.append(tuple(x.shape))
        return Features(2 * x)


def test_small_batches_are_filled_up_and_other_sizes_are_not_compiled(monkeypatch):
    compiled = Twice([])
    monkeypatch.setattr(torch, "compile", lambda backbone, **_: compiled)
    plain = Twice([])
    net = Compiled(plain, Shapes(4, frozenset([(6, 8)])))
    for count, size in ((4, (6, 8)), (1, (6, 8)), (3, (8, 6)), (5, (6, 8))):
        x = torch.rand(count, 3, *size)
        found = net(x)
        assert torch.equal(found.map, 2 * x)
        assert found.cls is None
    assert compiled.seen == [(4, 3, 6, 8), (4, 3, 6, 8)]
    assert plain.seen == [(3, 3, 8, 6), (5, 3, 6, 8)]


def test_without_a_compiler_the_backbone_is_used_as_it_is(monkeypatch, caplog):
    def no_compiler(backbone, **_):
        raise RuntimeError("no C++ compiler was found\nand so on")

    monkeypatch.setattr(torch, "compile", no_compiler)
    net, describe = some_net(), Describer("float32")
    describe.take(net, Shapes(3, frozenset([(64, 96)])))
    with caplog.at_level(logging.WARNING), torch.inference_mode():
        assert describe(images()).numpy() == pytest.approx(net(images()).numpy(), abs=2e-6)
    assert "extraction compiled in float32 is not possible for this network (no C++ compiler was found)" in caplog.text
    assert describe.facts()["precision"] == "float32"
    assert "compiled" not in describe.facts()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["float32", "bfloat16"])
def test_a_compiled_backbone_gives_the_same_descriptors(way):
    net, describe = some_net(), Describer(way)
    describe.take(net, Shapes(3, frozenset([(64, 96)])))
    with torch.inference_mode():
        exact, found = net(images()), describe(images())
        assert describe.facts()["compiled"] is True
        assert found.numpy() == pytest.approx(exact.numpy(), abs=2e-6 if way == "float32" else 2e-2)
        # Whatever a batch is filled up with, its images have the descriptors that they have among others.
        assert torch.equal(describe(images()[:2]), found[:2])


@pytest.mark.slow
def test_a_run_says_that_it_has_compiled(tmp_path):
    city = write_hard_city(tmp_path / "city", places=20)
    typed = [key for key in TINY if not key.startswith(("miner.", "trainer.max", "trainer.check"))]
    done = geoloc(tmp_path, "task=test", f"data.path={city}", *typed, "compile=true", "extraction=float32")
    assert done.returncode == 0, done.stderr
    protocol = results_of(only_run(tmp_path))["protocol"]
    assert (protocol["extraction"]["precision"], protocol["extraction"]["compiled"]) == ("float32", True)
    assert dict(protocol_rows(protocol, {}))["descriptors computed in"].endswith(", by a compiled backbone")
