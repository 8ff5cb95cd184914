"""A network and a datamodule that train on the mini city in a second."""

from __future__ import annotations

from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import nn

from geoloc.aggregators.netvlad import NetVLAD
from geoloc.data.domains import folder
from geoloc.features import Features
from geoloc.index.exact import Exact
from geoloc.lit.datamodule import PlaceDataModule
from geoloc.lit.evaluation import Evaluation
from geoloc.lit.mining import MineTriplets
from geoloc.lit.module import PlaceModule
from geoloc.losses.triplet import Triplet
from geoloc.mining.partial import Partial
from geoloc.net import DescriptorNet


class TinyBackbone(nn.Module):
    """Two convolutions, one of them frozen, with batch norm."""

    mean = std = (0.5, 0.5, 0.5)
    out_channels, stride, freeze = 8, 16, "early"

    def __init__(self, load: bool = True) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.BatchNorm2d(8), nn.ReLU()).requires_grad_(False)
        self.second = nn.Sequential(nn.Conv2d(8, 8, 4, 4, bias=False), nn.BatchNorm2d(8))

    def train(self, mode: bool = True) -> TinyBackbone:
        super().train(mode)
        self.first.eval()
        return self

    def forward(self, x: torch.Tensor) -> Features:
        return Features(self.second(self.first(x)))


def tiny_net(seed: int = 0) -> DescriptorNet:
    torch.manual_seed(seed)
    return DescriptorNet(TinyBackbone(), NetVLAD(8, clusters=4), (64, 64))


def tiny_data(city: Path, **options: object) -> PlaceDataModule:
    options = {"num_workers": 0, "train_batch_size": 2, "infer_batch_size": 4} | options
    return PlaceDataModule(folder(city, "train"), [folder(city, "val")], [folder(city, "test")], (64, 64), **options)


def tiny_module(net: DescriptorNet, tmp_path: Path, **options: object) -> PlaceModule:
    arguments = {
        "net": net,
        "loss": Triplet(margin=1.0),
        "optimizer": lambda parameters: torch.optim.Adam(parameters, 1e-2),
        "scheduler": None,
        "evaluation": Evaluation(Exact(), [1, 5], 25.0, 5, tmp_path / "descriptors"),
        "monitor": "R1",
    }
    return PlaceModule(**{**arguments, **options})


def tiny_trainer(tmp_path: Path, callbacks: list, epochs: int = 2, **options: object) -> pl.Trainer:
    arguments = {
        "accelerator": "cpu",
        "max_epochs": epochs,
        "reload_dataloaders_every_n_epochs": 1,
        "num_sanity_val_steps": 0,
        "logger": False,
        "enable_checkpointing": any("heckpoint" in type(callback).__name__ for callback in callbacks),
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "log_every_n_steps": 1,
        "default_root_dir": str(tmp_path),
    }
    return pl.Trainer(**{**arguments, **options}, callbacks=callbacks)


def miner(tmp_path: Path, queries: int = 4, negatives: int = 3) -> MineTriplets:
    return MineTriplets(Partial(queries, negatives), seed=0, folder=tmp_path / "descriptors")
