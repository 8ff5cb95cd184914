"""Tune post-processing on val and test the tiny network with it, in two processes (gloo); note what each of them found.

python two_processes_steps.py CITY FOLDER VIEW, with the folders of the tests' helpers on the path.
"""

import json
import sys
from pathlib import Path

from tiny import tiny_data, tiny_module, tiny_net, tiny_trainer

from geoloc.index.faiss_hnsw import FaissHnsw
from geoloc.lit.evaluation import Evaluation
from geoloc.postprocess.alpha_qe import AlphaQE
from geoloc.postprocess.geo_dbscan import GeoDBSCAN
from geoloc.postprocess.geo_density import GeoDensity
from geoloc.views.five_crops import FiveCrops
from geoloc.views.nearest_crop import NearestCrop

# (view, steps); of several crops there is no one descriptor of the query, which AlphaQE needs.
CASES = {
    "FiveCrops": lambda: (FiveCrops(), [AlphaQE(), GeoDensity(bandwidth=60.0), GeoDBSCAN()]),
    "NearestCrop": lambda: (NearestCrop(), [GeoDBSCAN(), GeoDensity(bandwidth=60.0)]),
}


def judged(city, folder, name, **options):
    """(module, trainer) after a test as task=test does it."""
    view, steps = CASES[name]()
    evaluation = Evaluation(FaissHnsw(), [1, 5], 25.0, 10, folder / "descriptors", steps=steps)
    module = tiny_module(tiny_net(), folder, evaluation=evaluation, keep_descriptors=True)
    data = tiny_data(city, view=view)
    trainer = tiny_trainer(folder, [], **options)
    for tested in ("val", "test"):
        data.tested = tested
        trainer.test(module, datamodule=data, verbose=False)
    return module, trainer


def facts_of(module):
    """Plain values of what was found."""
    (result,), (val,) = module.results.values(), module.tuned_on.values()
    return {
        "ids": result.predictions.ids.tolist(),
        "raw": result.raw.ids.tolist(),
        "distances": result.predictions.distances.tolist(),
        "recalls": {str(n): value for n, value in result.scores.recalls.items()},
        "raw_recalls": {str(n): value for n, value in result.raw_scores.recalls.items()},
        "helped": [change.helped for change in result.changes.values()],
        "val": val.predictions.ids.tolist(),
        "tuned": module.evaluation.tuned,
        "r1": result.index["r1"],
    }


def main():
    city, folder = map(Path, sys.argv[1:3])
    module, trainer = judged(city, folder, sys.argv[3], strategy="ddp", devices=2)
    (folder / f"rank{trainer.global_rank}.json").write_text(json.dumps(facts_of(module)))


if __name__ == "__main__":
    main()
