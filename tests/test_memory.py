"""What a run is going to need, against values worked out by hand."""

from __future__ import annotations

import json
import logging
import mmap
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from in_process import job_of, work
from torch import nn

from geoloc.config import pinned_keys
from geoloc.index.exact import Exact
from geoloc.index.faiss_flat import FaissFlat
from geoloc.index.faiss_hnsw import FaissHnsw
from geoloc.index.faiss_ivfpq import CODES, FaissIvfpq
from geoloc.memory import Stage, biggest, free_disk, free_memory, index_bytes, kept_for_backward, resident_memory, size
from geoloc.stages import STAGES
from geoloc.tasks import build
from geoloc.tasks.banner import experiment_lines, shortages, stages_of
from geoloc.tasks.reading import read_domains

SMALL = [
    *("data=folder", "image_size=[64,64]", "backbone.weights=none", "aggregator.clusters=4", "trainer=cpu"),
    *("miner.queries_per_epoch=4", "miner.negatives=2", "trainer.max_epochs=1", "trainer.check_val_every_n_epoch=1"),
    *("trainer.enable_progress_bar=false", "num_workers=0"),
]


def test_descriptors_on_disk():
    """The computed case of field fault D1: 75,984 x 32,768 x 4 bytes are 9.3 GiB; and a byte a row for its flag."""
    test = Stage("test", {"pitts250k": 75_000, "more": 984})
    assert test.bytes(32_768) == 75_984 * (131_072 + 1)
    assert 9.27 < test.bytes(32_768) / 2**30 < 9.28
    assert biggest([Stage("val", {"a": 10}), test, Stage("mining", {"b": 75_983})]) is test


def test_resident_memory_is_what_the_process_holds():
    before = resident_memory()
    if before is None:
        pytest.skip("this system does not say")
    with mmap.mmap(-1, 2**26) as held:  # 64 MiB that no allocator has at hand already
        held.write(bytes([1]) * len(held))
        assert len(held) / 2 < resident_memory() - before < 3 * len(held)


class OneLayer(nn.Module):
    image_size = (8, 6)

    def __init__(self, frozen: bool) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 5, 1, bias=False).requires_grad_(not frozen)
        self.last = nn.Linear(5, 2, bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.last(self.layer(images.float()).relu().mean(dim=(2, 3)))


def test_what_the_backward_pass_keeps():
    """Of 8 x 6 pixels: the convolution its input of 3 channels, relu its output of 5, the last layer 5 means."""
    trained = OneLayer(frozen=False)
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    assert kept_for_backward(trained) == 4 * (48 * 3 + 48 * 5 + 5)
    assert kept_for_backward(OneLayer(frozen=True)) == 4 * 5  # nothing but the input of what is trained
    assert all(value.device.type == "cpu" and torch.equal(value, before[name]) for name, value in
               trained.state_dict().items())  # fmt: skip


def test_memory_of_the_indexes_is_what_they_take():
    database = np.random.default_rng(0).normal(size=(3000, 32)).astype(np.float32)
    assert index_bytes(Exact(block=1000), 3000, 32) == 4 * (2 * 1000 * 32 + 1024 * 32 + 1024 * 1000)
    for index in (FaissFlat(), FaissHnsw()):
        real = np.asarray(index.faiss().serialize_index(index.build(database))).nbytes
        assert index_bytes(index, 3000, 32) == pytest.approx(real, rel=0.1), index.name
    index = FaissIvfpq(lists=50, bytes=16)
    real = index.pack(index.build(database)).nbytes
    table, most = 4 * 50 * 16 * CODES, 2 * 3000 * 32 * 4  # the sample is all rows, and so is a block
    assert index_bytes(index, 3000, 32) - table - most == pytest.approx(real, rel=0.1)
    assert index_bytes(object(), 3000, 32) is None


def test_what_is_free(tmp_path):
    assert free_disk(tmp_path / "not" / "yet" / "there") > 0
    memory = free_memory()
    assert memory is None or memory > 10_000_000
    assert size(1_230_000_000_000) == "1,230.0 GB"


def test_shortages_are_warned_of():
    folder = Path("logs/x")
    assert shortages(folder, 10, 10, 10, 10) == []
    assert shortages(folder, 10, 10, 10, None) == []
    (disk,) = shortages(folder, 11_000_000, 10_000_000, 0, 20_000_000)
    assert disk.startswith("logs/x: the descriptors will need 11.0 MB, and 10.0 MB are free; choose another disk")
    (search,) = shortages(folder, 5, 10**9, 3_000_000, 2_000_000)
    assert search.startswith("index: searching will need 3.0 MB of memory, and 2.0 MB are free")
    (slow,) = shortages(folder, 3_000_000, 10**9, 1, 2_000_000)
    assert slow.startswith("the descriptors (3.0 MB) do not fit into the free memory (2.0 MB)")


def test_what_the_experiment_pinned(tmp_path):
    job = job_of(tmp_path, "experiment=quick", "trainer.max_epochs=2", "name=quick")
    pinned = pinned_keys()
    assert pinned == {
        "name": ("quick", "quick"),
        "miner.queries_per_epoch": (24, None),
        "trainer.max_epochs": (1, "2"),
    }
    assert experiment_lines(pinned, job.cfg) == [
        ("pinned", "name=quick, miner.queries_per_epoch=24"),
        ("typed over", "trainer.max_epochs=2 (not 1)"),
    ]
    assert experiment_lines({}, job.cfg) == []
    followed = {"patience": ("${trainer.max_epochs}", None), "hydra.sweeper.params.seed": ("0,1", None)}
    assert experiment_lines(followed | {"domains@val": (["a", "b"], None)}, {"patience": 7}) == [
        ("pinned", "patience=7, domains@val=[a, b]")
    ]


def test_the_banner_of_a_run(mini_city, tmp_path, caplog):
    """6 queries and 12 database images a split; 4 clusters of 256 values; 4 tuples of a query, a positive, 2 others."""
    caplog.set_level(logging.INFO, "geoloc")
    work(tmp_path / "run", *SMALL, f"data.path={mini_city}")
    (banner,) = [text for text in caplog.messages if text.startswith("device ")]
    lines = dict(re_split(line) for line in banner.splitlines())
    assert lines["device"].startswith("cpu, ")
    assert lines["device"].endswith("precision 32-true")
    assert lines["network"].endswith("descriptor of 1024 values")
    counts = "mini: 12 database, 6 queries (6 with a positive within {} m, 2.0 each), 0.50 x 0.00 km"
    assert lines["train"] == counts.format(10)
    assert lines["val"] == lines["test"] == counts.format(25)
    assert not [text for text in caplog.messages if "6 queries (" in text and text != banner]  # said once
    assert lines["disk"].startswith("test: 18 descriptors x 1,024 values x 4 bytes = 0.1 MB, ")
    searching = size(4 * (2 * 12 * 1024 + 1024 * 1024 + 1024 * 12))
    assert f"at most {searching} to search mini (index=exact)" in lines["memory"]
    assert re.search(r"at least \d+\.\d MB for a training step of 16 images", lines["memory"])
    described = [text for text in caplog.messages if "mini: described 18 images in " in text]
    assert len(described) == 2  # validation and test
    assert "searched for 6 queries in " in described[0]
    assert any(text.startswith("epoch 0: trained on 4 tuples in ") for text in caplog.messages)
    told = [text.split(": ", 1) for text in caplog.messages if re.search(r"\d % (?!of the)", text)]
    assert [re.sub(r"[\d.]+ s", "x s", start) for start, _ in told] == [
        "epoch 0",
        "training took x s",
        "the test took x s",
    ]
    for _, words in told:  # what is in brackets is part of what stands before
        assert sum(map(int, re.findall(r"(\d+) %", re.sub(r"\(.*?\)", "", words)))) == 100
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert set(results["seconds"]) == {"data", "train", "of which mining", "test"}
    assert set(results["shares"]) == set(STAGES)
    assert sum(results["shares"].values()) == pytest.approx(100)
    page = (tmp_path / "run" / "report.html").read_text()
    assert f"<td>preparation</td><td>{results['shares']['preparation']}\u00a0%</td>" in page


def test_images_of_a_training_step(mini_city, tmp_path, caplog):
    """4 tuples; night photos of a query are trained on beside the query itself."""
    caplog.set_level(logging.INFO, "geoloc")
    work(tmp_path / "run", *SMALL, f"data.path={mini_city}", "aug=night", "miner.negatives=3")
    assert "for a training step of 24 images" in caplog.text


def test_stages_on_the_disk(mini_city, tmp_path):
    """Of 12 database images and 6 queries; five crops of each query are described where it is tested, or tuned for."""

    def stages(*typed: str) -> dict[str, int]:
        job = job_of(tmp_path, *SMALL, f"data.path={mini_city}", "views=five_crops", *typed)
        train, (val,), (test,) = read_domains(job, ("train", "val", "test")).values()
        data = build.datamodule(job, {"train": train, "val": [val], "test": [test]}, build.network(job))
        return {stage.name: sum(stage.rows.values()) for stage in stages_of(job, data)}

    tuned = {"postprocess=[geo_density]"}
    assert stages() == {"test": 42, "val": 18, "mining": 18}
    assert stages(*tuned) == {"test": 42, "val": 18, "mining": 18, "tuning": 42}


def re_split(line: str) -> tuple[str, str]:
    label, _, text = line.partition("  ")
    return label.strip(), text.strip()
