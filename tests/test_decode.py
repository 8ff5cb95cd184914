"""decode=reduced: other pixels, for every domain alike; told with the protocol, refused where it does nothing."""

import logging

import numpy as np
import pytest
import torch
from command_line import TINY, results_of
from in_process import job_of, work
from PIL import Image

from geoloc.data.augment.color import Brightness
from geoloc.data.augment.tuples import Augment
from geoloc.data.domains import folder
from geoloc.data.images import resize
from geoloc.errors import InputError
from geoloc.lit.datamodule import PlaceDataModule
from geoloc.report.protocol import protocol_rows
from geoloc.resume import resumed_arguments

SIZE = (20, 24)  # half of the mini city's 64 x 64 is enough
TEST = [
    "task=test",
    "trainer=cpu",
    "num_workers=0",
    "backbone.weights=none",
    "aggregator.clusters=4",
    "report_queries=0",
]


def drafted(path):
    """Pillow's own reduced decoding, then our resize; (3, H, W)."""
    with Image.open(path) as image:
        image.draft("RGB", SIZE[::-1])
        assert image.size == (32, 32)
        return resize(torch.from_numpy(np.array(image)).permute(2, 0, 1), SIZE)


def photos_of(data, stage):
    """{path: image} of what a stage's loaders hand on."""
    if stage == "train":
        data.triplets.select(np.array([[0, 1, 5, 7], [2, 4, 8, 9]]), epoch=0)
        domain, (batch,) = data.train_domain, list(data.train_dataloader())
        rows = [(q, len(domain.database)) if k == 0 else (q, 0) for t in data.triplets.tuples for k, q in enumerate(t)]
        return {
            domain.paths()[row + first]: image for (row, first), image in zip(rows, batch.flatten(0, 1), strict=True)
        }
    if stage == "mining":
        return {
            data.train_domain.paths()[int(r)]: x
            for b, rows in data.photos(data.train_domain)
            for x, r in zip(b, rows, strict=True)
        }
    paths = data.domains[stage][0].paths()
    if stage == "val":
        return {paths[int(r)]: x for b, rows in data.val_dataloader()[0] for x, r in zip(b, rows, strict=True)}
    return {paths[int(r)]: x for g in data.test_dataloader()[0] for b, rows in g for x, r in zip(b, rows, strict=True)}


@pytest.mark.parametrize("stage", ["train", "mining", "val", "test"])
@pytest.mark.parametrize("workers", [0, 2])
def test_every_domain_sees_the_same_resampling(mini_city, stage, workers):
    domains = [folder(mini_city, split) for split in ("train", "val", "test")]
    options = {"num_workers": workers, "decode": "reduced"}
    found = photos_of(PlaceDataModule(domains[0], domains[1:2], domains[2:], SIZE, **options), stage)
    assert len(found) == (8 if stage == "train" else 18)
    whole = photos_of(PlaceDataModule(domains[0], domains[1:2], domains[2:], SIZE, num_workers=workers), stage)
    for path, image in found.items():
        assert torch.equal(image, drafted(path))
    assert any(not torch.equal(image, whole[path]) for path, image in found.items())


def test_augmented_tuples_too(mini_city):
    data = PlaceDataModule(
        folder(mini_city, "train"),
        [],
        [],
        SIZE,
        num_workers=0,
        decode="reduced",
        augment=Augment([Brightness([1.0, 1.0])]),
    )
    for path, image in photos_of(data, "train").items():
        assert torch.equal(image, drafted(path))


def test_a_run_tells_it(mini_city, tmp_path, caplog):
    seen = {}
    for decode in ("full", "reduced"):
        with caplog.at_level(logging.WARNING):
            asked = ["image_size=[32,32]", f"decode={decode}", "keep_descriptors=true"]
            run = work(tmp_path / decode, *TEST, "data=folder", f"data.path={mini_city}", *asked)
        seen[decode] = results_of(run), np.load(next((run / "descriptors").glob("*.npy")))
    for decode, (results, _) in seen.items():
        assert results["protocol"]["decode"] == decode
        assert dict(protocol_rows(results["protocol"], {}))["JPEGs decoded"].startswith(
            "at full" if decode == "full" else "at 1/2"
        )
    assert not np.allclose(seen["full"][1], seen["reduced"][1], atol=1e-4)
    assert sum("decode=reduced" in record.message for record in caplog.records) == 1


@pytest.mark.parametrize("task", ["search", "report", "check", "compare"])
def test_it_is_refused_where_it_has_no_effect(task, tmp_path):
    with pytest.raises(
        InputError,
        match="decode: has an effect on task=train, task=test, task=describe, task=localize, task=demo alone",
    ):
        job_of(tmp_path, f"task={task}", "decode=reduced")


def test_other_words_are_refused(tmp_path):
    with pytest.raises(InputError, match="decode"):
        job_of(tmp_path, "decode=half")


def test_a_resumed_run_goes_on_as_it_began(tmp_path):
    (tmp_path / ".hydra").mkdir()
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / ".hydra" / "overrides.yaml").write_text("[]")
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    with pytest.raises(InputError, match="decode=reduced cannot change now"):
        resumed_arguments([f"resume={tmp_path}", "decode=reduced"])


@pytest.mark.slow
def test_a_checkpoint_of_another_decoding_is_told(mini_city, tmp_path, caplog):
    run = work(tmp_path / "run", *TINY, f"data.path={mini_city}", "image_size=[32,32]", "decode=reduced")
    assert results_of(run)["protocol"]["decode"] == "reduced"
    file = run / "checkpoints" / "best.ckpt"
    for checkpoint, decode, told in ((run, "full", 1), (file, "full", 1), (file, "reduced", 0)):
        caplog.clear()
        asked = [f"checkpoint={checkpoint}", f"decode={decode}", "num_workers=0", "trainer=cpu", "report_queries=0"]
        with caplog.at_level(logging.WARNING):
            work(tmp_path / f"{checkpoint.name}_{decode}", "task=test", "data=folder", f"data.path={mini_city}", *asked)
        line = f"decode=full, but the run of checkpoint={checkpoint} had decode=reduced"
        assert [each.message for each in caplog.records].count(line) == told
