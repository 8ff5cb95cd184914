"""From config values to domains, network, datamodule, module and trainer. All input problems come out together."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.plugins.environments import SLURMEnvironment

from geoloc.attention import check_attention
from geoloc.backbones.hub_code import trust
from geoloc.checkpoints import load_network, read_checkpoint
from geoloc.data.domains import Domain
from geoloc.errors import InputError
from geoloc.extraction.batch import batch_size
from geoloc.extraction.describer import Describer
from geoloc.lit.checkpoints import AtomicFiles
from geoloc.lit.datamodule import PlaceDataModule
from geoloc.lit.evaluation import Evaluation
from geoloc.lit.module import PlaceModule
from geoloc.lit.progress import Bars
from geoloc.lit.protocol import check_sizes
from geoloc.net import DescriptorNet
from geoloc.resume import DESCRIBING
from geoloc.search import chain_of
from geoloc.tasks.job import Job
from geoloc.tasks.results import read_results
from geoloc.tasks.tracking import started_loggers
from geoloc.tuning import tunable

log = logging.getLogger(__name__)


def tested_stages(job: Job) -> tuple[str, ...]:
    """Stages whose domains a test needs: the val domains too where something is tuned or fitted on them."""
    return ("val", "test") if tunable(steps(job)) or job.cfg["calibrate"] is True else ("test",)


def check_tuning(job: Job, domains: dict[str, list[Domain]]) -> None:
    """Make sure that there is what post-processing is tuned on.

    Raises:
        InputError: There is no val domain.
    """
    names = [type(step).__name__ for step in tunable(steps(job))]
    if names and not domains.get("val"):
        raise InputError(
            f"postprocess: {names[0]} is tuned on val domains, and there are none; name some (domains@val=[...] or"
            " val_folder=PATH), or give it a number"
        )


def network_spec(job: Job) -> dict[str, Any]:
    """What the config says of the network."""
    return {key: job.cfg[key] for key in ("backbone", "block", "aggregator", "head", "image_size", "unit_length")}


def network(job: Job) -> DescriptorNet:
    """The network of the run that is resumed, or of the checkpoint, or a new one with its pretrained weights.

    Raises:
        InputError: It does not take images as the test is to show them, or its attention cannot be drawn, among others.
    """
    net = _network(job)
    check_sizes(net, job.make(job.cfg["views"]), job.make(job.cfg["multiscale"]))
    if job.cfg["attention"]:
        check_attention(net)
    return net


def start_of(net: DescriptorNet) -> tuple[str, bool]:
    """Where the weights of a new network come from, and whether these make it a trained one."""
    node = net.spec["backbone"]
    if getattr(net.backbone, "whole", False):
        return f"released: {node['entry']} of {node['repository']}", True
    return node.get("weights", "none"), False


def _network(job: Job) -> DescriptorNet:
    if job.cfg["hub"].get("source"):
        source = Path(job.cfg["hub"]["source"]).expanduser().resolve()
        job.cfg["backbone"]["source"] = str(source)  # a saved network is loaded from any folder
        trust(source)
    if job.cfg["resume"] and job.cfg["task"] not in DESCRIBING:
        # All weights come from the last checkpoint, whatever the run once started from.
        last = read_checkpoint(Path(job.cfg["resume"]) / "checkpoints" / "last.ckpt")
        return DescriptorNet.from_spec(last.spec or network_spec(job), load=False)
    if job.cfg["checkpoint"]:
        return load_network(job.cfg["checkpoint"], network_spec(job), job.typed, job.cfg["task"] == "train")
    return DescriptorNet.from_spec(network_spec(job))


def datamodule(job: Job, domains: dict[str, list[Domain]], net: DescriptorNet) -> PlaceDataModule:
    """The datamodule of these domains at the network's image size."""
    cfg = job.cfg
    _say_decoding(cfg["decode"], cfg["checkpoint"])
    return PlaceDataModule(
        train=domains["train"][0] if domains.get("train") else None,
        val=domains.get("val", []),
        test=domains.get("test", []),
        image_size=net.image_size,
        radii=(cfg["radius"]["positive"], cfg["radius"]["negative"]),
        augment=job.make(cfg["aug"]),
        train_batch_size=cfg["train_batch_size"],
        infer_batch_size=cfg["infer_batch_size"] or batch_size(net, device(job)),
        num_workers=cfg["num_workers"],
        seed=job.seed,
        view=job.make(cfg["views"]),
        decode=cfg["decode"],
    )


def device(job: Job) -> torch.device:
    """Where the network is going to be; of several GPUs the first, which is like the others."""
    gpu = job.cfg["trainer"]["accelerator"] in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    return torch.device("cuda" if gpu else "cpu")


def _say_decoding(decode: str, checkpoint: str | None) -> None:
    """Warn of other pixels than usual, and of others than a checkpoint's run has shown, if its folder says so."""
    if decode == "reduced":
        log.warning("decode=reduced: other pixels than those of whole images; not for numbers that are to be published")
    if checkpoint:
        path = Path(checkpoint)
        run = path if path.is_dir() else path.absolute().parent.parent
        was = read_results(run).get("protocol", {}).get("decode", decode)
        if was != decode:
            log.warning("decode=%s, but the run of checkpoint=%s had decode=%s", decode, checkpoint, was)


def steps(job: Job) -> list[Any]:
    """The chain of post-processing."""
    return chain_of(job.cfg["postprocess"], job.make)


def module(job: Job, net: DescriptorNet) -> PlaceModule:
    """The LightningModule around the network."""
    cfg = job.cfg
    return PlaceModule(
        net=net,
        loss=job.make(cfg["loss"]),
        optimizer=job.make(cfg["optimizer"]),
        scheduler=job.make(cfg["scheduler"]),
        evaluation=Evaluation(
            index=job.make(cfg["index"]),
            recall_values=cfg["recall_values"],
            radius=cfg["radius"]["eval"],
            predictions=cfg["saved_predictions"],
            folder=job.folder / "descriptors",
            slices=cfg["slices"],
            steps=steps(job),
            dtype=cfg["descriptor_dtype"],
            extraction={"precision": cfg["extraction"], "compile": cfg["compile"]},
        ),
        monitor=cfg["monitor"],
        keep_descriptors=cfg["keep_descriptors"],
        lr_factors=cfg["lr_factors"],
        multiscale=job.make(cfg["multiscale"]),
        describer=Describer(cfg["extraction"]),
        compiled=cfg["compile"],
        watch=job.watch,
    )


def trainer(job: Job, callbacks: list[Callback]) -> pl.Trainer:
    """The Trainer with the run's loggers."""
    if job.cfg["trainer"]["enable_progress_bar"]:
        callbacks = [Bars(), *callbacks]  # first, so that an epoch's bar is gone before the next one is mined for
    return job.make(
        job.cfg["trainer"],
        logger=started_loggers(job) or False,
        callbacks=callbacks,
        default_root_dir=str(job.folder),
        reload_dataloaders_every_n_epochs=1,  # each epoch's loader is built after its tuples have been mined
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        plugins=[AtomicFiles(), *_slurm()],
        enable_model_summary=False,
        deterministic="warn" if job.cfg["seed"] >= 0 else False,
    )


def _slurm() -> list[SLURMEnvironment]:
    """Inside a job of SLURM: no queueing again at its time limit, which would begin anew in another folder.

    `resume=RUN` continues the job where its last epoch ended.
    """
    return [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []
