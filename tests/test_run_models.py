"""Networks of several steps, as a user would type them: CRN on NetVLAD, whitening, the benchmark's files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from command_line import TINY, geoloc, only_run, results_of

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def netvlad(mini_city, tmp_path_factory):
    """(the folder that the run was started in, the run's folder) of a trained NetVLAD network."""
    folder = tmp_path_factory.mktemp("netvlad")
    done = geoloc(folder, *TINY, f"data.path={mini_city}", "trainer.max_epochs=1")
    assert done.returncode == 0, done.stderr
    return folder, only_run(folder)


def weights_of(run, name="best"):
    return torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]


def test_crn_starts_from_netvlad_with_rates_of_its_own(netvlad, mini_city):
    folder, run = netvlad
    crn = ["experiment=pitts30k_crn", "optimizer.lr=1e-3", "name=crn"]
    done = geoloc(folder, *TINY, f"data.path={mini_city}", *crn, f"checkpoint={run}", "trainer.max_epochs=1")
    assert done.returncode == 0, done.stderr
    assert "clusters of" not in done.stderr  # those of the NetVLAD network are kept
    mine = only_run(folder, "crn")
    state = torch.load(mine / "checkpoints" / "last.ckpt", weights_only=True)
    assert state["epoch"] == 0  # its own count
    rates = {group["factor"]: group["lr"] for group in state["optimizer_states"][0]["param_groups"]}
    assert rates == pytest.approx({1.0: 1e-3, 10.0: 1e-2})
    start, now = weights_of(run), state["state_dict"]
    assert start.keys() < now.keys()
    # One short epoch: what was taken over has moved a little only.
    moved = (now["net.aggregator.centroids"] - start["net.aggregator.centroids"]).abs().max()
    assert moved < 0.05
    untrained = geoloc(folder, "task=test", "aggregator=crn", f"checkpoint={run}", f"test_folders=[{mini_city}]")
    assert untrained.returncode == 2
    assert "holds no CRN network but what one starts from" in untrained.stderr
    same = ["task=test", "extraction=exact", f"test_folders=[{mini_city}]"]  # as the experiment has it
    again = geoloc(folder, *same, f"checkpoint={mine}", "name=again")
    assert again.returncode == 0, again.stderr
    assert results_of(only_run(folder, "again"))["domains"]["mini"] | {"seconds": 0} == (
        results_of(mine)["domains"]["mini"] | {"seconds": 0}
    )


def test_whitening_is_fitted_stored_and_used_again(netvlad, mini_city):
    folder, run = netvlad
    pca = ["whitening=pca_whitening", "whitening.dim=6"]
    done = geoloc(folder, *TINY, f"data.path={mini_city}", *pca, "trainer.max_epochs=1", "name=white")
    assert done.returncode == 0, done.stderr
    assert "whitening to 6 values fitted on 12 images of mini" in done.stderr
    white = only_run(folder, "white")
    assert results_of(white)["model"]["descriptor_dim"] == 6
    test = ["task=test", f"test_folders=[{mini_city}]"]
    again = geoloc(folder, *test, f"checkpoint={white}", "name=again_white")
    assert again.returncode == 0, again.stderr
    ours, theirs = ((r / "predictions/mini.csv").read_text() for r in (only_run(folder, "again_white"), white))
    assert ours == theirs
    # The same on top of a network that was trained without: its train data have to be named.
    later = geoloc(folder, *test, *pca, f"checkpoint={run}", "data=folder", f"data.path={mini_city}", "name=later")
    assert later.returncode == 0, later.stderr
    assert (only_run(folder, "later") / "predictions/mini.csv").read_text() == theirs
    twice = geoloc(folder, *test, *pca, f"checkpoint={white}", "data=folder", f"data.path={mini_city}", "name=twice")
    assert twice.returncode == 2
    assert "error: whitening: the checkpoint's network has its whitening already" in twice.stderr
    unsaid = geoloc(folder, *test, *pca, f"checkpoint={run}", "name=unsaid")
    assert unsaid.returncode == 2
    assert "whitening: is fitted on train images; name the data that the network was trained on" in unsaid.stderr
    bare = geoloc(folder, *test, f"checkpoint={white / 'checkpoints' / 'best.ckpt'}", "name=bare")
    assert bare.returncode == 0, bare.stderr
    warnings = results_of(only_run(folder, "bare"))["warnings"]
    assert any("is without the whitening that its run ended in" in warning for warning in warnings)
    more = geoloc(folder, *TINY, f"data.path={mini_city}", "whitening=pca", "whitening.dim=12", "name=more")
    assert more.returncode == 2
    assert "whitening.dim=12: must be below the number of train database images" in more.stderr


def test_a_network_written_for_the_benchmark_is_read_back(netvlad, mini_city, tmp_path):
    folder, run = netvlad
    command = [
        sys.executable,
        str(ROOT / "scripts" / "export_benchmark.py"),
        str(run),
        str(tmp_path / "best_model.pth"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("--aggregation=netvlad --resize 64 64 --netvlad_clusters=4\n")
    names = torch.load(tmp_path / "best_model.pth", weights_only=True)["model_state_dict"]
    assert {
        "module.backbone.0.weight",
        "module.aggregation.conv.weight",
        "module.aggregation.centroids",
    } <= names.keys()
    test = [
        "task=test",
        f"checkpoint={tmp_path / 'best_model.pth'}",
        f"test_folders=[{mini_city}]",
        "image_size=[64,64]",
    ]
    again = geoloc(folder, *test, "backbone.weights=none", "aggregator.clusters=4", "name=benchmark")
    assert again.returncode == 0, again.stderr
    ours, theirs = ((r / "predictions/mini.csv").read_text() for r in (only_run(folder, "benchmark"), run))
    assert ours == theirs
    wrong = geoloc(folder, *test, "name=wrong")
    assert wrong.returncode == 2
    assert "the network there is backbone=resnet18 backbone.cut=conv4 aggregator=netvlad aggregator.clusters=4" in (
        wrong.stderr
    )
    gone = subprocess.run([*command[:2], str(tmp_path), "x.pth"], capture_output=True, text=True)
    assert gone.returncode == 2
    assert "model.safetensors: no such file" in gone.stderr


@pytest.mark.parametrize(
    "choices",
    [
        ["block=non_local", "head=fc", "head.dim=16", "loss=sare_joint", "trainer.precision=bf16-mixed"],
        ["aggregator=gem", "aggregator.l2=before_pool", "unit_length=false", "loss=sare_ind"],
        ["aggregator=rmac", "loss=metric_learning", "trainer.gradient_clip_val=1.0"],
        ["backbone=timm", "backbone.model=vit_tiny_patch16_224", "aggregator=cls", "backbone.trunc_te=2"],
        ["trainer.accumulate_grad_batches=2", "lr_factors.backbone=0.1", "optimizer.betas=[0.8,0.9]", "aug=night"],
        ["freeze_batch_norm=true", "aug=smart", "miner=random"],
        ["aug=geometric", "aug.images=[query,positive,negative]"],
    ],
)
def test_further_choices_train(tmp_path, mini_city, choices):
    typed = [key for key in TINY if "clusters" not in key or not any("aggregator=" in choice for choice in choices)]
    done = geoloc(tmp_path, *typed, f"data.path={mini_city}", "trainer.max_epochs=1", *choices)
    assert done.returncode == 0, done.stderr
    results = results_of(only_run(tmp_path))
    assert results["domains"]["mini"]["queries"] == 6
    assert results["model"]["unit_length"] == ("unit_length=false" not in choices)
