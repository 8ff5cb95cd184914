"""The walls between layers, and the size of files."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("pytorch_lightning", "hydra", "omegaconf", "wandb", "faiss", "matplotlib", "torchmetrics", "jinja2", "timm")


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_geoloc_is_light():
    assert loaded_by("import geoloc") == set()


def test_help_does_not_load_torch():
    code = "import sys, geoloc.run; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_no_module_is_longer_than_250_lines():
    long = {p.name: n for p in (ROOT / "src").rglob("*.py") if (n := len(p.read_text().splitlines())) > 250}
    assert long == {}


def test_modules_open_with_what_they_are_for():
    for path in (ROOT / "src").rglob("*.py"):
        assert path.read_text().lstrip().startswith('"""'), path
