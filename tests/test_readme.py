"""What the README shows is true."""

import doctest
import json
import re
from pathlib import Path

import pytest
import yaml
from command_line import TINY, geoloc, only_run, results_of
from mini import write_image
from phone import gps, write_photo
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def block(after: str) -> str:
    """The first code block after a text."""
    return re.search(r"```\w*\n(.*?)```", README[README.index(after) :], re.S).group(1)


PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!http)([^)\s]+)\)", page.read_text())
    for link in links:
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def anchors(page) -> set[str]:
    """Of all headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_choices_that_are_named_exist():
    named = re.findall(r"`?(\w+)=([\w,]+)`", README)
    for group, choices in named:
        if (ROOT / "conf" / group).is_dir():
            for choice in choices.split(","):
                assert (ROOT / "conf" / group / f"{choice}.yaml").is_file(), f"{group}={choice}"


def rows_of(text: str) -> list[list[str]]:
    """Cells of all lines of tables in Markdown."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_the_night_table_is_what_the_study_wrote():
    study, amos = ((ROOT / "docs" / "results" / f"night_study{end}.md").read_text() for end in ("", "_amos-day-night"))
    sections = {part.splitlines()[0]: rows_of(part) for part in (study + "\n" + amos).split("\n## ")[1:]}
    wanted = []
    for domain in ("demo_city_night", "demo_city_day", "amos_day_night"):
        found = {row[0]: row for row in sections[domain]}
        recalls = {aug: found[aug][3].split(" [")[0] for aug in ("none", "night", "night_fixed")}
        wanted.append([recalls["none"], recalls["night"], found["night"][4], recalls["night_fixed"]])
    shown = rows_of(README[README.index("## Night") : README.index("## Sweeps")])
    assert [row[1:] for row in shown[2:]] == wanted


@pytest.mark.slow
def test_the_aggregator_of_the_tutorial_trains_and_is_loaded_again(tmp_path, mini_city):
    mine = tmp_path / "mine"
    (mine / "conf" / "aggregator").mkdir(parents=True)
    (mine / "mean_std.py").write_text(block("here in `mine/mean_std.py`"))
    (mine / "conf" / "aggregator" / "mean_std.yaml").write_text(block("Name it in"))
    command = block("Use it:").strip()
    assert command.startswith("PYTHONPATH=mine python -m geoloc.run experiment=quick aggregator=mean_std")
    search = re.search(r'"(hydra\.searchpath=.*?)"', command).group(1).replace("$PWD", str(tmp_path))
    tiny = [key for key in TINY if "clusters" not in key]
    typed = [*tiny, f"data.path={mini_city}", "aggregator=mean_std", search]
    done = geoloc(tmp_path, *typed, PYTHONPATH=str(mine))
    assert done.returncode == 0, done.stderr
    run = only_run(tmp_path)
    assert results_of(run)["model"]["descriptor_dim"] == 512
    first = results_of(run)
    (run / "results.json").write_text(json.dumps({**first, "status": "interrupted"}))
    resumed = geoloc(tmp_path, f"resume={run}", PYTHONPATH=str(mine))  # its yaml is found again
    assert resumed.returncode == 0, resumed.stderr
    assert results_of(run)["domains"]["mini"]["recalls"] == first["domains"]["mini"]["recalls"]
    test = [
        "task=test",
        f"checkpoint={run}",
        f"test_folders=[{mini_city}]",
        "aggregator=mean_std",
        search,
        "name=again",
    ]
    again = geoloc(tmp_path, *test, PYTHONPATH=str(mine))
    assert again.returncode == 0, again.stderr
    assert (
        results_of(only_run(tmp_path, "again"))["domains"]["mini"]["recalls"]
        == results_of(run)["domains"]["mini"]["recalls"]
    )


def test_the_python_session(tmp_path, monkeypatch):
    """In a folder that holds what it names: a network of the default kind, and photos of a phone."""
    from geoloc.net import DescriptorNet

    nodes = {
        group: yaml.safe_load((ROOT / "conf" / group / f"{name}.yaml").read_text())
        for group, name in (("backbone", "resnet18"), ("aggregator", "netvlad"))
    }
    nodes["backbone"]["weights"] = "none"
    run = tmp_path / "logs" / "default" / "RUN"
    run.mkdir(parents=True)
    DescriptorNet.from_spec({**nodes, "image_size": [64, 64]}).save(run)
    places = {
        "my_photos/gate.jpg": 52.5169,
        "my_photos/square.jpg": 52.5163,
        "more_photos/a.jpg": 52.6,
        "more_photos/b.jpg": 52.7,
    }
    for number, (name, lat) in enumerate(places.items()):
        with Image.open(write_image(tmp_path / "drawn.jpg", seed=number, size=(90, 120))) as image:
            write_photo(tmp_path / name, gps(lat, 13.3777), image=image)
    write_image(tmp_path / "query.jpg", seed=1, size=(90, 120))
    monkeypatch.chdir(tmp_path)
    session = block("## In Python")
    assert session.count(">>>") == 9
    test = doctest.DocTestParser().get_doctest(session, {}, "README", "README.md", 0)
    told: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=told.append)
    assert (result.failed, result.attempted) == (0, 9), "".join(told)
