"""What docs/datasets.md says of the published sets is what the code knows."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from geoloc.data.prepare.command import modules

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "datasets.md").read_text()
OWN = ("photos", "table", "frames", "video")
PUBLISHED = [name for name in modules() if name not in OWN]


def section(name: str) -> str:
    """The section of a set."""
    return re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S).group(1)


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_set_has_a_section_with_its_command_and_numbers(name):
    text = section(name)
    assert f"prepare.py {name} RAW" in text
    if name == "layout":
        return
    module = import_module(f"geoloc.data.prepare.{name}")
    counts = {"test/database": module.LOOP * module.TILES} if name == "eynsham" else module.PUBLISHED
    for side, number in counts.items():
        assert f"{number:,}" in text, (side, number)
    assert "ResNet-18 + NetVLAD" in text


@pytest.mark.parametrize("name", OWN)
def test_own_data_have_a_command(name):
    assert f"python scripts/prepare.py {name} " in PAGE


def test_links_and_domains_exist():
    links = re.findall(r"\]\((?!http|#)([^)#]+)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    chosen = [name for found in re.findall(r"domains@test=\[([\w,]+)\]", PAGE) for name in found.split(",")]
    assert len(chosen) > 10
    assert [name for name in chosen if not (ROOT / "conf" / "domains" / f"{name}.yaml").is_file()] == []
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", PAGE, re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings
