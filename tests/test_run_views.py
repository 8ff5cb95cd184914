"""Views and scales from the command line."""

from __future__ import annotations

import numpy as np
import pytest
from command_line import TINY, geoloc, only_run, results_of

UNTRAINED = [*TINY, "task=test", "saved_predictions=30", "keep_descriptors=true"]


@pytest.mark.slow
def test_a_view_and_scales_go_together_with_whitening(mini_city, tmp_path):
    more = [
        "extraction=exact",
        "views=maj_voting",
        "views.weight=0.02",
        "multiscale=down",
        "multiscale.p=2.0",
        "multiscale.scales=[0.5,1]",
    ]
    done = geoloc(
        tmp_path, *UNTRAINED, f"data.path={mini_city}", *more, "whitening=pca", "whitening.dim=4", "whitening.images=12"
    )
    assert done.returncode == 0, done.stderr
    run = only_run(tmp_path)
    results = results_of(run)
    assert results["protocol"] == {
        "image_size": [64, 64],
        "resampling": "bilinear, antialiased",
        "decode": "full",
        "extraction": {"precision": "exact", "lowest_cosine": 1.0},
        "views": {
            **{"name": "maj_voting", "_target_": "geoloc.views.maj_voting.MajVoting"},
            **{"weight": 0.02, "passes": [1, 5, 10]},
        },
        "multiscale": {
            **{"name": "pyramid", "_target_": "geoloc.multiscale.pyramid.Pyramid"},
            **{"scales": [0.5, 1], "p": 2.0},
        },
        "index": {"_target_": "geoloc.index.exact.Exact", "block": 8192},
        "postprocess": {},
    }
    left = np.load(run / "descriptors" / "mini.npy")
    assert left.shape == (12 + 6 * 5, 4)
    assert len((run / "predictions" / "mini.csv").read_text().splitlines()) == 1 + 6 * 12
    assert results["domains"]["mini"]["recalls"]["20"] == 100


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["views=maj_voting", "views.weight=-1"],
            "views: geoloc.views.maj_voting.MajVoting: weight must be at least 0",
        ),
        (["multiscale=up", "multiscale.scales=[0]"], "multiscale: geoloc.multiscale.pyramid.Pyramid: scales must be"),
        (["multiscale=down", "multiscale.scales=[0.25,1]"], "multiscale: scale 0.25 of 64x64 pixels gives 16x16, but"),
        (
            ["backbone=cct384", "image_size=[384,384]", "aggregator=seqpool", "views=single_query"],
            "views=single_query: a query may come to 384x385 pixels, but backbone=cct384 takes [384,384] only",
        ),
    ],
)
def test_what_does_not_fit_is_said_before_data_are_read(tmp_path, overrides, message):
    tiny = [item for item in TINY if item.split("=")[0] not in {item.split("=")[0] for item in overrides}]
    if any(item.startswith("aggregator=") for item in overrides):
        tiny = [item for item in tiny if not item.startswith("aggregator.")]
    done = geoloc(tmp_path, *tiny, f"data.path={tmp_path / 'nowhere'}", *overrides)
    assert done.returncode == 2
    assert message in done.stderr + done.stdout
    assert "no such folder" not in done.stderr


@pytest.mark.slow
def test_a_checkpoint_is_asked_before_data_are_read(mini_city, tmp_path):
    """Its network is known only when it has been read."""
    done = geoloc(tmp_path, *TINY, f"data.path={mini_city}", "trainer.max_epochs=1", "name=first")
    assert done.returncode == 0, done.stderr
    assert results_of(only_run(tmp_path, "first"))["protocol"]["views"]["name"] == "hard_resize"
    scales = ["multiscale=down", "multiscale.scales=[0.25,1]"]
    data = f"data.path={tmp_path / 'nowhere'}"
    done = geoloc(tmp_path, *TINY, data, "task=test", f"checkpoint={only_run(tmp_path, 'first')}", *scales)
    assert done.returncode == 2
    assert "multiscale: scale 0.25 of 64x64 pixels gives 16x16" in done.stderr
    assert "no such folder" not in done.stderr
