"""The LightningModule: training step, evaluation of several domains, optimizer and scheduler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from geoloc.checkpoints import KEY
from geoloc.extraction.compiling import Compile, Shapes, shapes
from geoloc.extraction.describer import Describer
from geoloc.lit.evaluation import Evaluation
from geoloc.lit.maps import FrozenMaps
from geoloc.lit.names import metric_parts
from geoloc.lit.parameter_groups import parameter_groups
from geoloc.lit.validated import Validated
from geoloc.multiscale.scaling import MultiScale, at_scales
from geoloc.net import DescriptorNet
from geoloc.result import Result
from geoloc.stages import Stopwatch


class PlaceModule(pl.LightningModule):
    """Trains and judges a `DescriptorNet`.

    Args:
        net: The network.
        loss: (descriptors (B, D), triplets (T, 3)) -> scalar; None if nothing is trained.
        optimizer: Parameter groups -> optimizer.
        scheduler: Optimizer -> scheduler; None for a constant learning rate.
        evaluation: Describes and judges domains.
        monitor: "R5" and the like: which mean validation recall is logged as `val/<monitor>_mean`.
        keep_descriptors: Leave the descriptors of the test domains on disk.
        lr_factors: Part of the network -> times the optimizer's learning rate.
        multiscale: How test images are described at several scales; None: at one.
        describer: How images are described while nothing is learned from them; None: by the network as it is.
        compiled: Whether the backbone is compiled for a test; see `shapes`.
        watch: Sums where the time goes; None: one of its own.

    Attributes:
        maps: Stored maps of the frozen layers, where training steps use them; they then get `Tuples`.
        judged: Whether a test searches and scores, or only describes.
        results: Of each test domain, once it has been judged.
        tuned_on: Of each val domain that was described as a test describes, for post-processing to be tuned on, or for
            a calibration.
        validated: What the best validation has found.
    """

    def __init__(
        self,
        net: DescriptorNet,
        loss: Callable[..., torch.Tensor] | None,
        optimizer: Callable[..., Optimizer] | None,
        scheduler: Callable[..., Any] | None,
        evaluation: Evaluation,
        monitor: str,
        keep_descriptors: bool = False,
        lr_factors: Mapping[str, float] | None = None,
        multiscale: MultiScale | None = None,
        describer: Describer | None = None,
        compiled: Compile = False,
        watch: Stopwatch | None = None,
    ) -> None:
        super().__init__()
        # Convolutions are faster with the channels of a pixel side by side: EfficientNet trains 1.4 times as fast.
        self.net = net.to(memory_format=torch.channels_last)
        self.loss = loss
        self.make_optimizer = optimizer
        self.make_scheduler = scheduler
        self.evaluation = evaluation
        self.monitor = monitor
        self.keep_descriptors = keep_descriptors
        self.lr_factors = dict(lr_factors or {})
        self.multiscale = multiscale
        self.describer = describer or Describer("exact")
        self.compiled = compiled
        self.watch = watch or Stopwatch()
        self.maps: FrozenMaps | None = None
        self.judged = True
        self.results: dict[str, Result] = {}
        self.tuned_on: dict[str, Result] = {}
        self.validated = Validated()

    def setup(self, stage: str) -> None:
        """Tell the evaluation whose images it gets."""
        self.evaluation.attach(self.trainer, self.net.out_dim)
        if stage == "test":
            self.evaluation.model = self.net.digest()
            tuning = self.trainer.datamodule.tested == "val"  # type: ignore[attr-defined]
            self.evaluation.plan("tune" if tuning else "test", self.multiscale)

    def on_fit_start(self) -> None:
        """Lightning leaves the modes as they are; `train` is what puts frozen layers into eval mode."""
        self.net.train()

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        """Loss of (B, V + 1 + n, 3, H, W) uint8 tuples with V views of the query."""
        assert self.loss is not None
        tuples, images = batch.shape[:2]
        descriptors = self.net(batch.flatten(0, 1)) if self.maps is None else self.maps.of_tuples(self, batch)
        views = self.trainer.datamodule.triplets.views  # type: ignore[attr-defined]
        loss = self.loss(descriptors, triplet_rows(tuples, images - 1 - views, views, descriptors.device))
        self.log("train/loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=tuples, sync_dist=True)
        active = getattr(self.loss, "active", None)
        if active is not None:
            self.log("train/active", active, on_step=False, on_epoch=True, batch_size=tuples, sync_dist=True)
        return loss

    def configure_optimizers(self) -> Any:
        """The optimizer over trainable parameters only, with its scheduler if there is one."""
        assert self.make_optimizer is not None
        optimizer = self.make_optimizer(parameter_groups(self.net, self.lr_factors))
        for group in optimizer.param_groups:
            group["lr"] *= group["factor"]
        if self.make_scheduler is None:
            return optimizer
        scheduler = self.make_scheduler(optimizer)
        plan: dict[str, Any] = {"scheduler": scheduler, "interval": "epoch", "frequency": 1}
        if isinstance(scheduler, ReduceLROnPlateau):
            # The watched recall is new only where there was a validation.
            plan |= {"monitor": f"val/{self.monitor}_mean", "frequency": self.trainer.check_val_every_n_epoch}
        return {"optimizer": optimizer, "lr_scheduler": plan}

    def on_train_epoch_start(self) -> None:
        """Fix what dropout and the like draw in this epoch, so that a resumed run draws the same."""
        seed = self.trainer.datamodule.seed  # type: ignore[attr-defined]
        torch.manual_seed(1_000_003 * seed + self.current_epoch)

    def on_validation_epoch_start(self) -> None:
        """Open a store for each validation domain."""
        self.describer.take(self.net)
        self.evaluation.plan("val")
        self.evaluation.start()

    def on_test_epoch_start(self) -> None:
        """Open a store for each test domain, or for each val domain while steps are tuned."""
        self.describer.take(self.net, self._shapes())
        self.evaluation.start()

    def _shapes(self) -> Shapes | None:
        """What the backbone is compiled for; the same if a killed test goes on, of which some images are left."""
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        images = sum(len(domain) for domain in data.domains[data.tested]) // self.trainer.world_size
        size = data.image_size
        sizes = [size] if self.multiscale is None else list(self.multiscale.sizes(*size).values())
        return shapes(self.compiled, self.device, images, data.infer_batch_size, sizes)

    def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Describe ((B, 3, H, W) images, (B,) rows) of domain number `dataloader_idx`."""
        self._describe([batch], dataloader_idx)

    def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """The same of several groups, one of each shape, at all scales."""
        with at_scales(self.net, self.multiscale):
            self._describe(batch, dataloader_idx)

    def _describe(self, groups: list[tuple[torch.Tensor, torch.Tensor]], number: int) -> None:
        for images, rows in groups:
            self.evaluation.take(number, rows, self.describer(images))

    def on_validation_epoch_end(self) -> None:
        """Log the recalls of every validation domain, and the mean that chooses the best checkpoint."""
        self.watch.book("validation/describing")
        results = self._finish("val", keep=False)
        self.evaluation.close(False)
        self.watch.book("validation/searching")
        if results:
            n = int(self.monitor[1:])
            mean = float(np.mean([result.scores.recalls[n] for result in results]))
            self.log(f"val/{self.monitor}_mean", mean, prog_bar=True)
            self.validated.keep(mean, self.net, results)

    def on_test_epoch_end(self) -> None:
        """Log the recalls of every test domain; `results` then holds all that is known of them.

        Their descriptors stay until `evaluation.close`.
        """
        self.watch.book("test/describing")
        if self.evaluation.stage == "tune":
            self.tuned_on = {
                result.domain.name: result for result in self.evaluation.finish(False, self.describer.facts())
            }
            self.evaluation.close(False)
        else:
            self.results = {result.domain.name: result for result in self._finish("test", self.keep_descriptors)}
        self.watch.book("test/searching")

    def _finish(self, stage: str, keep: bool) -> list[Result]:
        results = self.evaluation.finish(keep, self.describer.facts(), self.judged or stage == "val")
        domains = metric_parts(result.domain.name for result in results)
        for result in results:
            name = domains[result.domain.name]
            for n, recall in result.scores.recalls.items():
                self.log(f"{stage}/{name}/R{n}", recall)
            for condition, part in metric_parts(result.slices).items():
                for n, recall in result.slices[condition].recalls.items():
                    self.log(f"{stage}/{name}/{part}/R{n}", recall)
        return results

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what is needed to build the network again: plain values only."""
        checkpoint[KEY] = {"network": self.net.spec, "epoch": self.current_epoch}


def triplet_rows(tuples: int, negatives: int, views: int = 1, device: torch.device | str = "cpu") -> torch.Tensor:
    """Rows of all (query, positive, negative) triplets in a flattened batch of tuples.

    Args:
        tuples: B; each holds V views of a query, a positive and the negatives, in that order.
        negatives: n of each.
        views: V; each view has the triplets of a query of its own.
        device: Of the result.

    Returns:
        (B * V * n, 3) int64.

    Example:
        >>> triplet_rows(2, 2).tolist()
        [[0, 1, 2], [0, 1, 3], [4, 5, 6], [4, 5, 7]]
        >>> triplet_rows(1, 2, views=2).tolist()
        [[0, 2, 3], [0, 2, 4], [1, 2, 3], [1, 2, 4]]
    """
    size = views + 1 + negatives
    first = torch.arange(tuples, device=device).view(-1, 1, 1) * size
    view = torch.arange(views, device=device).view(1, -1, 1)
    negative = torch.arange(negatives, device=device).view(1, 1, -1)
    query, positive, other = torch.broadcast_tensors(first + view, first + views, first + views + 1 + negative)
    return torch.stack([query, positive, other], dim=-1).flatten(0, 2)
