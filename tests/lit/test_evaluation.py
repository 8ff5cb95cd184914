from dataclasses import replace

import numpy as np
import pytest
import torch
from mini import write_mini_city
from PIL import Image
from pytorch_lightning.callbacks import Callback
from tiny import tiny_data, tiny_module, tiny_net, tiny_trainer

from geoloc.data.augment.color import Brightness
from geoloc.data.augment.tuples import Augment
from geoloc.errors import InputError
from geoloc.index.exact import Exact
from geoloc.lit.evaluation import Evaluation
from geoloc.lit.store import DescriptorStore


def slow_recalls(net, domain, ns, radius=25):
    """One image after another, distances in double precision, positives by hand."""
    from geoloc.data.datasets import Images

    rows = [net.describe(image[None])[0].double().numpy() for image, _ in Images(domain.paths(), (64, 64))]
    database, queries = np.stack(rows[: len(domain.database)]), np.stack(rows[len(domain.database) :])
    right = np.zeros(len(ns))
    for query, xy in zip(queries, domain.queries.xy, strict=True):
        order = np.argsort(((database - query) ** 2).sum(axis=1), kind="stable")
        good = np.linalg.norm(domain.database.xy - xy, axis=1) <= radius
        right += [good[order[:n]].any() for n in ns]
    return {n: 100 * value / len(queries) for n, value in zip(ns, right, strict=True)}


def test_recalls_equal_a_slow_evaluation(tiny, tmp_path):
    net, data, module, _ = tiny
    trainer = tiny_trainer(tmp_path, [])
    trainer.test(module, datamodule=data, verbose=False)
    result = module.results["mini"]
    assert result.scores.recalls == slow_recalls(net, data.domains["test"][0], [1, 5])
    assert trainer.callback_metrics["test/mini/R1"] == pytest.approx(result.scores.recalls[1])
    assert (result.scores.queries, result.scores.answerable, result.scores.database) == (6, 6, 12)
    assert result.predictions.ids.shape == (6, 5)
    module.evaluation.close(keep=False)
    assert not (tmp_path / "descriptors").exists()


def sliced(city, tmp_path, slices):
    """The result of the mini city's queries when three of them are noted: day, night, night; and what was logged."""
    data = tiny_data(city)
    (domain,) = data.domains["test"]
    conditions = np.array(["day", "night", "night", "", "", ""])
    data.domains["test"] = [replace(domain, queries=replace(domain.queries, conditions=conditions))]
    evaluation = Evaluation(Exact(), [1, 5], 25.0, 5, tmp_path / "descriptors", slices)
    module = tiny_module(tiny_net(), tmp_path, evaluation=evaluation)
    trainer = tiny_trainer(tmp_path, [])
    trainer.test(module, datamodule=data, verbose=False)
    return module.results["mini"], {key: float(value) for key, value in trainer.callback_metrics.items()}


def test_slices_are_the_recalls_of_their_queries(mini_city, tmp_path):
    result, logged = sliced(mini_city, tmp_path, "note")
    hit = [bool({place * 2, place * 2 + 1} & set(ids[:1].tolist())) for place, ids in enumerate(result.predictions.ids)]
    assert {name: scores.recalls[1] for name, scores in result.slices.items()} == {
        "day": pytest.approx(100 * hit[0]),
        "night": pytest.approx(50 * sum(hit[1:3])),
        "unknown": pytest.approx(100 * sum(hit[3:]) / 3),
    }
    assert [scores.queries for scores in result.slices.values()] == [1, 2, 3]
    assert logged["test/mini/night/R1"] == pytest.approx(result.slices["night"].recalls[1])
    assert sliced(mini_city, tmp_path, "none")[0].slices == {}


def test_brightness_fills_in_what_is_not_noted(tmp_path, caplog):
    city = write_mini_city(tmp_path / "mini")
    queries = sorted((city / "images/test/queries").iterdir())
    for path, grey in zip(queries, (0, 255, 255, 0, 255, 84), strict=True):
        Image.new("RGB", (64, 64), (grey, grey, grey)).save(path)
    with caplog.at_level("INFO", "geoloc"):
        result, _ = sliced(city, tmp_path, "brightness")
    assert result.domain.queries.conditions.tolist() == ["day", "night", "night", "night", "day", "night"]
    assert {name: scores.queries for name, scores in result.slices.items()} == {"day": 2, "night": 4}
    assert (
        "mini: no note or table says the condition of 3 of 6 queries; by brightness 1 are day and 2 night"
        in caplog.text
    )
    assert "brightness" in result.seconds


def test_descriptors_are_kept_if_asked_for(mini_city, tmp_path):
    net = tiny_net()
    data = tiny_data(mini_city)
    module = tiny_module(net, tmp_path, keep_descriptors=True)
    tiny_trainer(tmp_path, []).test(module, datamodule=data, verbose=False)
    module.evaluation.close(keep=True)
    assert [path.name for path in (tmp_path / "descriptors").iterdir()] == ["mini.npy"]
    kept = np.load(tmp_path / "descriptors" / "mini.npy")
    assert np.linalg.norm(kept, axis=1) == pytest.approx(np.ones(18), abs=1e-5)


def test_a_sanity_check_scores_nothing(tiny, tmp_path):
    """Field fault C10: two batches of a database make an easy database."""
    _, data, module, mining = tiny
    seen = []

    class Sanity(Callback):
        def on_sanity_check_end(self, trainer, pl_module):
            seen.append(dict(trainer.callback_metrics))

    tiny_trainer(tmp_path, [mining, Sanity()], 1, num_sanity_val_steps=2).fit(module, datamodule=data)
    assert seen == [{}]


def test_part_of_a_domain_is_never_scored(tiny, tmp_path):
    _, data, module, mining = tiny
    with pytest.raises(RuntimeError, match="10 images have no descriptor; recall of a part means nothing"):
        tiny_trainer(tmp_path, [mining], 1, limit_val_batches=2).fit(module, datamodule=data)


def test_fast_dev_run(tiny, tmp_path):
    _, data, module, mining = tiny
    trainer = tiny_trainer(tmp_path, [mining], fast_dev_run=True)
    trainer.fit(module, datamodule=data)
    trainer.test(module, datamodule=data, verbose=False)
    assert trainer.global_step == 1
    assert module.results == {}


def test_augmentation_never_reaches_validation(mini_city, tmp_path):
    """Field fault B12: a certain blackout of training queries must not change any validation figure."""
    black = Augment([Brightness(0.0)], images=["query", "positive", "negative"])
    recalls = []
    for augment in (None, black):
        data = tiny_data(mini_city, augment=augment, num_workers=2)
        trainer = tiny_trainer(tmp_path, [])
        trainer.validate(tiny_module(tiny_net(), tmp_path), datamodule=data, verbose=False)
        recalls.append({name: float(value) for name, value in trainer.callback_metrics.items()})
    assert recalls[0] == recalls[1]
    assert set(recalls[0]) == {"val/mini/R1", "val/mini/R5", "val/R1_mean"}


def test_batch_size_does_not_matter(mini_city, tmp_path):
    found = []
    for size in (1, 5):
        module = tiny_module(tiny_net(), tmp_path)
        data = tiny_data(mini_city, infer_batch_size=size)
        tiny_trainer(tmp_path, []).test(module, datamodule=data, verbose=False)
        found.append(module.results["mini"].predictions)
    assert np.array_equal(found[0].ids, found[1].ids)
    assert found[0].distances == pytest.approx(found[1].distances, abs=1e-5)


def test_a_store_tells_what_is_missing(tmp_path):
    store = DescriptorStore(tmp_path / "a.npy", 4, 2, create=True)
    store.write(torch.tensor([2, 0]), torch.tensor([[1.0, 2], [3, 4]]))
    store.check(np.array([0, 2]))
    with pytest.raises(RuntimeError, match=r"a\.npy: 2 images have no descriptor"):
        store.check()
    other = DescriptorStore(tmp_path / "a.npy", 4, 2, create=False)
    assert other.vectors[2].tolist() == [1, 2]
    with pytest.raises(FileNotFoundError, match="one common file system"):
        DescriptorStore(tmp_path / "b.npy", 4, 2, create=False)


def test_a_disk_without_room_is_said_before_anything_is_described(tmp_path):
    with pytest.raises(InputError, match=r"a\.npy: no room for 1000000 descriptors of .* MB together"):
        DescriptorStore(tmp_path / "a.npy", 10**6, 10**8, create=True)
    assert list(tmp_path.iterdir()) == []


class NeverAsked(Exact):
    """An index that must not be searched."""

    def search(self, *_: object, **__: object):
        raise RuntimeError("asked")


def test_validation_is_by_exact_search(mini_city, tmp_path):
    evaluation = Evaluation(NeverAsked(), [1, 5], 25.0, 5, tmp_path / "descriptors")
    module, data = tiny_module(tiny_net(), tmp_path, evaluation=evaluation), tiny_data(mini_city)
    trainer = tiny_trainer(tmp_path, [])
    trainer.validate(module, datamodule=data, verbose=False)
    plain = tiny_trainer(tmp_path, [])
    plain.validate(tiny_module(tiny_net(), tmp_path), datamodule=tiny_data(mini_city), verbose=False)
    assert trainer.callback_metrics["val/mini/R1"] == plain.callback_metrics["val/mini/R1"]
    with pytest.raises(RuntimeError, match="asked"):
        trainer.test(module, datamodule=data, verbose=False)
