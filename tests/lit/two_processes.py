"""Train the tiny network in two processes (gloo) and note what each of them mined and trained on.

python two_processes.py CITY FOLDER, with the folder of the tests' helpers on the path.
"""

import json
import sys
from pathlib import Path

import torch
from pytorch_lightning.callbacks import Callback
from tiny import miner, tiny_data, tiny_module, tiny_net, tiny_trainer

from geoloc.lit.initialise import Initialise
from geoloc.losses.sare_joint import SareJoint


class Note(Callback):
    """The mined tuples of each epoch, and the sums of the pixels of each tuple that came to the training step."""

    def __init__(self, mining):
        self.mining = mining
        self.mined, self.seen = [], []

    def on_train_epoch_start(self, trainer, module):
        self.mined.append(self.mining.tuples.tolist())
        self.seen.append([])

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        self.seen[-1] += batch.long().sum(dim=(2, 3, 4)).tolist()


def main():
    city, folder = map(Path, sys.argv[1:])
    net = tiny_net()
    mining = miner(folder, queries=6)
    note = Note(mining)
    data = tiny_data(city, train_batch_size=1)
    trainer = tiny_trainer(folder, [Initialise(0), mining, note], 2, strategy="ddp", devices=2)
    trainer.fit(tiny_module(net, folder, loss=SareJoint()), datamodule=data)
    weights = torch.cat([p.detach().flatten() for p in net.parameters()]).double().sum().item()
    content = {"mined": note.mined, "seen": note.seen, "weights": weights}
    (folder / f"rank{trainer.global_rank}.json").write_text(json.dumps(content))


if __name__ == "__main__":
    main()
