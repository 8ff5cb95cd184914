"""report.html of a real run in a real browser: what is filtered, chosen and asked for."""

import csv
import io
import shutil
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from command_line import TINY
from in_process import work
from mini import name_of, write_hard_city, write_image
from PIL import Image

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with post-processing over a city by day and by night; 40 queries, two pages of the gallery."""
    root = tmp_path_factory.mktemp("browser")
    city = write_hard_city(root / "city", places=20)
    for path in sorted((city / "images" / "test" / "queries").iterdir()):
        east = float(path.name.split("@")[1])
        path.rename(path.with_name(name_of(east, note="day")))
        _blend(path.with_name(name_of(east + 1, note="night")), round(east / 100))
    density = {"weight": 1, "bandwidth": 150, "temperature": 1}  # it counts neighbours 100 m away, so it changes much
    typed = [*TINY, "task=test", "postprocess=[geo_density]", "report_queries=10", "attention=4"]
    typed += [f"postprocess.geo_density.{key}={value}" for key, value in density.items()]
    typed = [key for key in typed if not key.startswith("miner.")]
    return work(root / "run", *typed, f"data.path={city}", "recall_values=[1,5,20]")


def _blend(path, place):
    """A photo between two places, so that it is now right and now wrong."""
    write_image(path, seed=place, noise=7)
    own, other = Image.open(path), Image.open(write_image(path.with_name("other.jpg"), seed=place + 3))
    Image.blend(own, other, 0.3 + 0.05 * (place % 8)).save(path, quality=95)
    path.with_name("other.jpg").unlink()


@pytest.fixture
def page(run, browser):
    """The page, opened; afterwards it must have said nothing and asked for files alone."""
    context = browser.new_context(viewport={"width": 1150, "height": 900})
    tab, said, asked = context.new_page(), [], []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto((run / "report.html").as_uri())
    yield tab
    assert said == []
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
    context.close()


def first_ranks(path):
    """Query -> (rank of the first correct prediction or 0, condition), by the table alone."""
    with path.open(newline="") as file:
        grouped = groupby(csv.DictReader(file), key=lambda row: row["query"])
        listed = {query: list(rows) for query, rows in grouped}
    return {
        query: (next((int(row["rank"]) for row in rows if row["correct"] == "1"), 0), rows[0]["condition"])
        for query, rows in listed.items()
    }


def count(page):
    return int(page.inner_text(".count").split()[0])


def all_seen(page):
    """Bring every photo of the gallery's page into view; fails where one is not there."""
    images = page.locator(".row img")
    for image in images.all():
        image.scroll_into_view_if_needed()
    images.evaluate_all("(images) => Promise.all(images.map((image) => image.decode()))")
    return page.locator(".gone").count() == 0


def test_filters_show_what_the_tables_say(run, page):
    final = first_ranks(run / "predictions" / "city.csv")
    raw = first_ranks(run / "predictions" / "city.raw.csv")
    right = {query for query, (rank, _) in final.items() if rank == 1}
    before = {query for query, (rank, _) in raw.items() if rank == 1}
    night = {query for query, (_, condition) in final.items() if condition == "night"}
    within = {query for query, (rank, _) in final.items() if 1 <= rank <= 5}
    assert len(final) == count(page) == 40
    assert 0 < len(right) < len(within) < 40, "the run must have some of each kind, or nothing is tested"
    assert right - before or before - right, "post-processing must have changed something"
    page.select_option("[name=outcome]", "right")
    assert count(page) == len(right)
    page.select_option("[name=condition]", label="night")
    assert count(page) == len(right & night)
    page.select_option("[name=outcome]", "wrong")
    assert count(page) == len(night - right)
    page.click("text=reset")
    page.locator(".count", has_text="40 of 40").wait_for()
    page.select_option("[name=n]", "5")
    page.select_option("[name=outcome]", "wrong")
    assert count(page) == 40 - len(within)
    page.click("text=reset")
    page.locator(".count", has_text="40 of 40").wait_for()
    for choice, queries in (("any", right ^ before), ("right", right - before), ("wrong", before - right)):
        page.select_option("[name=flip]", choice)
        assert count(page) == len(queries)
        shown = {text.strip() for text in page.locator(".card > p").all_inner_texts()}
        assert shown == queries if len(queries) <= 20 else shown <= queries
    page.select_option("[name=flip]", "")
    name = sorted(final)[7]
    page.fill("[name=name]", name[:20].upper())  # the easting, in whatever case
    assert count(page) == sum(name[:20] in query for query in final)


def test_the_hardest_come_first_a_page_at_a_time(run, page):
    final = first_ranks(run / "predictions" / "city.csv")
    assert page.locator(".card").count() == 20
    cards = page.locator(".card > p").all_inner_texts()
    page.click("[data-to=next]")
    assert page.inner_text(".where") == "page 2 of 2"
    assert page.locator("[data-to=next]").is_disabled()
    cards += page.locator(".card > p").all_inner_texts()
    assert sorted(cards) == sorted(final)
    ranks = [final[query][0] or 99 for query in cards]
    assert ranks == sorted(ranks, reverse=True)
    page.select_option("[name=order]", "name")
    assert page.locator(".card > p").first.inner_text() == min(final)


def test_each_photo_is_seen_from_the_page_or_from_its_file(page):
    images = page.locator(".row img")
    assert images.count() == 20 * 6
    held = [image.get_attribute("src").startswith("data:") for image in images.all()]
    assert True in held
    assert False in held  # few queries are held
    assert all_seen(page)


def test_queries_with_a_picture_of_what_made_the_match_are_found(run, page):
    with (run / "attention" / "city.csv").open(newline="") as file:
        drawn = {query: list(rows) for query, rows in groupby(csv.DictReader(file), key=lambda row: row["query"])}
    page.select_option("[name=drawn]", "1")
    assert count(page) == len(drawn) == 4
    assert set(page.locator(".card > p").all_inner_texts()) == set(drawn)
    for card in page.locator(".card").all():
        rows = drawn[card.locator("> p").inner_text()]
        picture = card.locator("details[open] img")  # one, whatever number of database images it shows
        picture.scroll_into_view_if_needed()
        assert picture.get_attribute("src").startswith("data:")
        assert card.locator("li").all_inner_texts() == [
            f"{row['role']}: {row['database']}, similarity {float(row['similarity']):.3f}" for row in rows
        ]
        assert all(image.get_attribute("src").startswith("data:") for image in card.locator(".row img").all())


def test_a_page_that_was_moved_finds_the_photos(run, browser, tmp_path):
    shutil.copy(run / "report.html", tmp_path / "my page #1.html")
    page = browser.new_page()
    page.goto((tmp_path / "my page #1.html").as_uri())
    assert all_seen(page)
    page.close()


def test_photos_of_a_table_under_any_names(browser, tmp_path):
    """Beside the table and elsewhere; nothing in a name is taken for a part of an address or of the page."""
    names = ["a'b", 'quo"te', "a&amp;b", "<i>1<", "ünï 東京", "two  spaces", "hash#tag?q=1", "100%25 %", "back\\slash"]
    lines = [("path", "east", "north", "side")]
    for number, name in enumerate(names):
        for side, noise in (("database", 1), ("queries", 2)):
            folder = tmp_path / ("set" if number % 2 else "else where") / side
            path = write_image(folder / f"{name}.jpg", seed=number, noise=noise)
            told = path.relative_to(tmp_path / "set") if number % 2 else path
            lines.append((str(told), 500_000 + 100 * number + noise, 4_000_000, side))
    with (tmp_path / "set" / "photos.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)
    table = f"data.path={tmp_path / 'set' / 'photos.csv'}"
    typed = [each for each in TINY if not each.startswith(("miner.", "data="))]
    run = work(tmp_path / "run", *typed, "task=test", "data=table", table, "recall_values=[1,5]", "report_queries=2")
    page = browser.new_page()
    page.goto((run / "report.html").as_uri())
    assert page.locator(".row img").count() == 6 * len(names)
    assert all_seen(page)
    assert sorted(Path(text).name for text in page.locator(".card > p").all_text_contents()) == sorted(
        f"{name}.jpg" for name in names
    )
    page.close()


def test_the_map_and_the_gallery_choose_for_each_other(page):
    page.locator("canvas").scroll_into_view_if_needed()
    # The westernmost query, 2 m from the corner of what is drawn; all lie on one line in the middle of the map.
    x, y = page.evaluate("""() => {
        const box = document.querySelector('canvas');
        const {map} = JSON.parse(document.querySelector('script.data').textContent);
        const east = [...map.cloud, ...map.queries].map((place) => place[1]);
        const scale = (box.clientWidth - 40) / (Math.max(...east) - Math.min(...east));
        return [20 + scale * (map.queries[0][1] - Math.min(...east)), box.clientHeight / 2];
    }""")
    page.locator("canvas").click(position={"x": x, "y": y})
    chosen = page.locator(".card.chosen")
    assert chosen.count() == 1
    name = chosen.locator("> p").inner_text()
    assert name.split("@")[1] in ("0540002.00", "0540003.00")
    assert page.inner_text(".told") == f"chosen: {name}"
    # A second click at the same place gives the photo that stands beside it.
    page.locator("canvas").scroll_into_view_if_needed()
    page.locator("canvas").click(position={"x": x, "y": y})
    assert page.locator(".card.chosen > p").inner_text() != name
    other = page.locator(".card", has_not=page.locator("xpath=self::*[contains(@class,'chosen')]")).last
    other.locator("text=show on the map").click()
    assert page.inner_text(".told") == f"chosen: {other.locator('> p').inner_text()}"
    href = page.locator("a:has-text('OpenStreetMap')").first.get_attribute("href")
    assert href.startswith("https://www.openstreetmap.org/?mlat=36.1")


def test_the_map_is_drawn_and_zoomed(page):
    def ink():
        """Pixels that are not of the background."""
        page.wait_for_timeout(100)  # it is drawn in the next frame
        picture = np.asarray(Image.open(io.BytesIO(page.locator("canvas").screenshot())).convert("RGB"))[8:-8, 8:-8]
        return int((picture != picture[0, 0]).any(axis=2).sum())

    whole = ink()
    assert whole > 500
    for _ in range(12):
        page.click("[data-do=in]")
    assert 0 < ink() < whole  # between two places there are lines and a scale bar at most
    page.click("[data-do=fit]")
    assert ink() == whole
    page.focus("canvas")
    page.keyboard.press("+")
    assert ink() != whole
    page.keyboard.press("0")
    assert ink() == whole


@pytest.mark.parametrize(("width", "scheme"), [(1150, "light"), (400, "light"), (400, "dark")])
def test_nothing_sticks_out_and_the_scheme_is_followed(run, browser, tmp_path, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto((run / "report.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 24, 31)")
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert (tmp_path / "page.png").stat().st_size > 50_000
    context.close()


def test_without_scripts_the_tables_are_there(run, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((run / "report.html").as_uri())
    assert page.locator(".live").is_hidden()
    assert "need JavaScript" in page.inner_text("noscript p")
    assert page.locator("table").first.is_visible()
    context.close()
