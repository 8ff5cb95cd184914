from __future__ import annotations

import os
import shutil
from pathlib import Path

# Threads of several test processes would wait for each other, and take many times as long. Before torch is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from mini import write_mini_city

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def mini_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mini_city(tmp_path_factory.mktemp("data") / "mini")


@pytest.fixture
def shared_data() -> Path:
    """Real photos that lie beside the project on some machines."""
    if not SHARED.is_dir():
        pytest.skip("the real data sets are not beside the project")
    return SHARED


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["GEOLOC_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> None:
    os.environ["WANDB_MODE"] = "offline"


@pytest.fixture(scope="module")
def browser():
    """A Chromium that is on this machine."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()
