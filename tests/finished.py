"""Finished runs written by hand, as task=compare reads them."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

# Rank of the first correct of eight predictions; 0: none.
BEFORE = {"q0": 1, "q1": 1, "q2": 3, "q3": 0, "q4": 0, "q5": 7, "q6": 2, "q7": 1}
# In another order; the query's path counts.
AFTER = {"q7": 1, "q6": 1, "q5": 1, "q4": 0, "q3": 2, "q2": 1, "q1": 4, "q0": 1}
MODEL = {"backbone": {"_target_": "geoloc.backbones.resnet.ResNet", "depth": 18}, "weights": "none"}
SHOWN = {"image_size": [480, 640], "views": {"name": "hard_resize", "_target_": "x"}, "postprocess": {}}


def write_run(folder, domains, ns=(1, 5), judged=None, prints=None, conditions=None, config=None, typed=(), **more):
    """A finished run of eight predictions a query; right ones are 5 m off, wrong ones 100 m.

    `domains`: name -> query -> rank of the first correct one. `conditions`: query -> condition.
    """
    folder = Path(folder)
    (folder / "predictions").mkdir(parents=True)
    entries = {}
    for name, ranks in domains.items():
        with (folder / "predictions" / f"{name}.csv").open("w") as file:
            file.write("query,rank,database,distance,meters,correct,condition\n")
            for query, first in ranks.items():
                for rank in range(1, 9):
                    # After the first correct one, every second is.
                    correct = int(first > 0 and rank >= first and (rank - first) % 2 == 0)
                    condition = (conditions or {}).get(query, "")
                    file.write(f"{query},{rank},d{rank},0.5,{5.0 if correct else 100.0},{correct},{condition}\n")
        recalls = {str(n): 100 * sum(0 < r <= n for r in ranks.values()) / len(ranks) for n in ns}
        entries[name] = {"recalls": recalls, "queries": len(ranks), "database": 20, "radius_m": 25.0}
        entries[name] |= (judged or {}).get(name, {})
    content = {"status": "finished", "task": "test", "model": MODEL, "protocol": SHOWN, "domains": entries}
    content["fingerprints"] = dict.fromkeys(domains, "abc") | (prints or {})
    (folder / "results.json").write_text(json.dumps(content | more))
    if config is not None:
        (folder / ".hydra").mkdir()
        (folder / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(list(typed)))
    return folder
