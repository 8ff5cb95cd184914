"""docs/models.md is what its script writes, and agrees with counts that were made elsewhere."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_the_table_is_computed(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import models_table

    assert (ROOT / "docs" / "models.md").read_text(encoding="utf-8") == models_table.page()
    sys.modules.pop("models_table")


@pytest.mark.parametrize(
    ("backbone", "gflops", "millions", "dim"),
    [
        ("alexnet", 8.6, 2.5, 16384),
        ("vgg16", 187.9, 14.7, 32768),
        ("resnet18 cut=conv4", 17.2, 2.78, 16384),
        ("resnet18 cut=conv5", 22.2, 11.2, 32768),
        ("resnet50 cut=conv4", 40.1, 8.5, 65536),
        ("resnet50 cut=conv5", 50.1, 23.5, 131072),
        ("resnet101 cut=conv4", 85.6, 27.5, 65536),
        ("resnet101 cut=conv5", 95.5, 42.5, 131072),
    ],
)
def test_it_agrees_with_known_counts(backbone, gflops, millions, dim):
    """Counts of the cut backbones alone, from the papers' architectures; NetVLAD adds 0.04 to 0.31 GFLOPs."""
    table = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    spoc = re.search(rf"^\| {re.escape(backbone)} \| 480x640 \| spoc \| (\S+) \| (\S+) \|", table, re.M)
    netvlad = re.search(rf"^\| {re.escape(backbone)} \| 480x640 \| netvlad \| \S+ \| (\S+) \| (\d+) \|", table, re.M)
    assert float(spoc[1]) == pytest.approx(millions, abs=0.06)
    assert float(spoc[2]) == pytest.approx(gflops, abs=0.06)
    assert 0.03 < float(netvlad[1]) - float(spoc[2]) < 0.36
    assert int(netvlad[2]) == dim
