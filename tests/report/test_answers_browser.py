"""The page of answers in a real browser: what is chosen, filtered and asked for."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from made_answers import write_asked

from geoloc.report.answers.page import write_answer_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]


@pytest.fixture
def asked(tmp_path):
    return write_asked(tmp_path)


@pytest.fixture
def page(tmp_path, asked, browser):
    """The page, opened; afterwards it must have said nothing and asked for files alone."""
    path = write_answer_page(tmp_path, asked, 25.0, 1, ["a line"], [], [("what", "how")], "command")
    context = browser.new_context(viewport={"width": 1150, "height": 1400})
    tab, said, wanted = context.new_page(), [], []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: wanted.append(request.url))
    tab.goto(path.as_uri())
    yield tab
    assert said == []
    assert [url for url in wanted if not url.startswith(("file:", "data:"))] == []
    context.close()


def test_every_photo_has_a_card_with_its_answer(page):
    cards = page.locator(".card")
    assert cards.count() == 3
    first = cards.nth(0).inner_text()
    assert "expected error 6.0 m" in first
    assert "confidence 0.90" in first
    assert "truly 3.0 m off" in first
    assert "? unknown best guess" in cards.nth(1).inner_text()
    assert "truly" not in cards.nth(1).inner_text()
    assert cards.nth(2).locator("figure.near").count() == 1  # the other candidate is 1 km from the answer
    assert "1.0 km" in cards.nth(2).inner_text()
    href = cards.nth(0).locator("header a").get_attribute("href")
    assert href.startswith("https://www.openstreetmap.org/?mlat=36.14")


class TestWithoutDegrees:
    @pytest.fixture
    def asked(self, tmp_path):
        made = write_asked(tmp_path)
        base, answers = (replace(each, latlon=np.full_like(each.latlon, np.nan)) for each in (made.base, made.answers))
        return replace(made, base=base, answers=answers)

    def test_nothing_is_said_of_a_map_that_has_no_such_place(self, page):
        assert page.locator(".card").count() == 3
        assert page.locator(".card header button").count() == 3
        assert "OpenStreetMap" not in page.inner_text("body")


def test_photos_are_filtered_and_ordered(page):
    page.select_option("select[name=outcome]", "unknown")
    assert page.locator(".card").count() == 2
    assert "2 of 3 photos" in page.locator(".count").inner_text()
    page.select_option("select[name=outcome]", "")
    page.select_option("select[name=order]", "unsure")
    assert "d <b>.jpg" in page.locator(".card").first.inner_text()
    page.select_option("select[name=order]", "error")
    assert "359 km off" in page.locator(".card").first.inner_text()
    page.fill("input[name=name]", "a.jpg")
    assert page.locator(".card").count() == 1


def test_map_and_cards_lead_to_each_other(page):
    page.locator(".card").nth(0).locator("header button").click()
    assert page.locator(".told").inner_text() == "chosen: a.jpg"
    box = page.locator("canvas").bounding_box()
    # The map has brought the answer into its middle.
    page.mouse.move(box["x"] + box["width"] / 2 + 1, box["y"] + box["height"] / 2)
    assert page.locator(".hint").inner_text() == "a.jpg, confidence 0.90"
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert "a.jpg" in page.locator(".card.chosen").inner_text()
