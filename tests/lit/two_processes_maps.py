"""Train a ResNet with stored maps of its frozen layers in two processes (gloo); note what each mined and learned.

python two_processes_maps.py CITY FOLDER, with the folder of the tests' helpers on the path.
"""

import json
import sys
from pathlib import Path

import torch
from test_maps import SPEC, Note
from tiny import tiny_data, tiny_module, tiny_trainer

from geoloc.lit.initialise import Initialise
from geoloc.lit.maps import FrozenMaps
from geoloc.lit.mining import MineTriplets
from geoloc.mining.partial import Partial
from geoloc.net import DescriptorNet


def main():
    city, folder = map(Path, sys.argv[1:])
    content = {}
    for limit in (0, 1):
        torch.manual_seed(0)
        net = DescriptorNet.from_spec(SPEC)
        maps = FrozenMaps(limit, folder / "descriptors" / "maps.npy")
        mining = MineTriplets(Partial(6, 3), 0, folder / "descriptors", maps if limit else None)
        note = Note(mining)
        callbacks = [Initialise(0), mining, *([maps] if limit else []), note]
        options = {"strategy": "ddp_find_unused_parameters_true", "devices": 2, "limit_val_batches": 0}
        trainer = tiny_trainer(folder, callbacks, 2, **options)
        trainer.fit(tiny_module(net, folder), datamodule=tiny_data(city, train_batch_size=1))
        weights = torch.cat([p.detach().flatten() for p in net.parameters()]).double().sum().item()
        content[limit] = {"mined": note.mined, "losses": note.losses, "weights": weights}
        content[limit]["stored"] = int((maps.slots.of >= 0).sum())
    (folder / f"rank{trainer.global_rank}.json").write_text(json.dumps(content))


if __name__ == "__main__":
    main()
