"""Test the tiny network with a view in two processes (gloo) and note what each of them found.

python two_processes_view.py CITY FOLDER VIEW, with the folders of the tests' helpers on the path.
"""

import json
import sys
from pathlib import Path

from tiny import tiny_data, tiny_module, tiny_net, tiny_trainer

from geoloc.views.five_crops import FiveCrops
from geoloc.views.maj_voting import MajVoting
from geoloc.views.single_query import SingleQuery

VIEWS = {"FiveCrops": FiveCrops(), "MajVoting": MajVoting(weight=0.1), "SingleQuery": SingleQuery()}


def main():
    city, folder = map(Path, sys.argv[1:3])
    module = tiny_module(tiny_net(), folder, keep_descriptors=True)
    trainer = tiny_trainer(folder, [], strategy="ddp", devices=2)
    trainer.test(module, datamodule=tiny_data(city, view=VIEWS[sys.argv[3]]), verbose=False)
    result = module.results["mini"]
    content = {
        "ids": result.predictions.ids.tolist(),
        "distances": result.predictions.distances.tolist(),
        "recalls": result.scores.recalls,
    }
    (folder / f"rank{trainer.global_rank}.json").write_text(json.dumps(content))


if __name__ == "__main__":
    main()
