"""The page in a real browser, served by a real server."""

import shutil
from contextlib import contextmanager

import numpy as np
import pytest
import utm
from mini import name_of, write_image
from serving import served

from geoloc.demo.about import about
from geoloc.demo.app import Example, make_app

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]
DROP = """
async ([bytes, name, type]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name, { type }));
  document.querySelector(".drop").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
}
"""
# How many of the canvas's pixels near a place on the map have a colour of the page.
COLOURED = """
([east, north, reach, name]) => {
  const { canvas } = chart;
  const [red, green, blue] = coloursOf(canvas, [name])[name].match(/\\w\\w/g).map((part) => parseInt(part, 16));
  const [x, y] = chart.pixel([chart.area, east, north]);
  const seen = canvas.getContext("2d").getImageData(x - reach, y - reach, 2 * reach, 2 * reach).data;
  let count = 0;
  for (let at = 0; at < seen.length; at += 4) {
    count += Math.abs(seen[at] - red) + Math.abs(seen[at + 1] - green) + Math.abs(seen[at + 2] - blue) < 30;
  }
  return count;
}
"""


def until(page, expression):
    """Wait until something is so; Playwright's own way of waiting needs `eval`, which the page forbids."""
    for _ in range(1500):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(20)
    pytest.fail(f"never: {expression}")


@contextmanager
def opened(browser, locator, **context):
    """The page; afterwards it must have said nothing and have asked its own server alone."""
    examples = [Example(locator.index.paths[row], row) for row in (0, 7)]
    with served(make_app(locator, about(locator, "my_city", True), examples, most=50_000)) as address:
        window = browser.new_context(viewport={"width": 1200, "height": 900}, **context)
        said, asked = [], []

        def routed(route):
            asked.append(route.request.url)
            route.continue_() if route.request.url.startswith((address, "blob:")) else route.abort()

        window.route("**/*", routed)
        tab = window.new_page()
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.goto(address)
        until(tab, "chart !== null")
        yield tab
        # Chromium's own lines: on refusals, and on a canvas that these tests look at more than once.
        assert [line for line in said if "status of 4" not in line and "getImageData" not in line] == []
        assert asked
        assert [url for url in asked if not url.startswith((address, f"blob:{address}"))] == []
        window.close()


@pytest.fixture
def page(browser, locator):
    with opened(browser, locator.calibrate(0.2)) as tab:
        yield tab


def drop(page, path, name="my photo.jpg", kind="image/jpeg"):
    page.evaluate(DROP, [list(path.read_bytes()), name, kind])


def degrees(east):
    """Of a place in the city, as the page says them."""
    return [f"{each:.6f}" for each in utm.to_latlon(east, 4_000_000, 17, northern=True)]


def answered(page):
    page.wait_for_selector(".given:visible")
    page.wait_for_selector(".drop:not(.waiting)")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def loaded(page, selector):
    """Bring all pictures into view; their widths in pixels of their files."""
    for image in page.locator(selector).all():
        image.scroll_into_view_if_needed()
    page.locator(selector).evaluate_all("(all) => Promise.all(all.map((image) => image.decode()))")
    return page.locator(selector).evaluate_all("(all) => all.map((image) => image.naturalWidth)")


def test_a_dropped_photo_is_answered(page, city):
    assert "12 photos of my_city" in page.inner_text("header")
    assert loaded(page, ".examples img") == [128, 128]
    drop(page, city[5])
    answered(page)
    lat, lon = degrees(500_204)
    assert page.inner_text(".where") == f"{lat}, {lon}"
    assert page.inner_text(".verdict") == "Found"
    assert page.inner_text(".percent") == "40 %"
    assert page.get_attribute(".osm", "href").startswith(f"https://www.openstreetmap.org/?mlat={lat}&mlon={lon}#")
    assert loaded(page, ".found img") == [128] * 5
    assert loaded(page, ".asked") == [128]
    assert page.locator(".found .says b").all_inner_texts()[:2] == ["0.0 m", "4.0 m"]
    assert page.evaluate(COLOURED, [204, 0, 22, "blue"]) > 50  # the answer's ring
    assert page.evaluate(COLOURED, [200, 0, 8, "found"]) > 20  # the photo found second
    assert page.evaluate(COLOURED, [240, 60, 20, "blue"]) == 0


def test_a_picture_and_its_point_belong_together(page, city):
    drop(page, city[5])
    answered(page)
    page.locator(".found button").nth(1).hover()
    assert page.evaluate("chart.lit") == 1
    at = page.evaluate(
        "(() => { const box = chart.canvas.getBoundingClientRect(); const [x, y] ="
        " chart.pixel(chart.answer.found[0].place); return [box.x + x, box.y + y]; })()"
    )
    page.mouse.move(*at)
    assert page.locator(".found button.lit .rank").all_inner_texts() == ["1"]
    page.mouse.move(at[0] + 60, at[1] + 60)
    assert page.locator(".found button.lit").count() == 0
    page.mouse.click(*at)
    assert page.evaluate("document.activeElement.querySelector('.rank').textContent") == "1"


def test_by_the_keyboard_alone(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the second example
    answered(page)
    assert page.get_attribute("[data-example='1']", "aria-pressed") == "true"
    assert "off from where it was taken" in page.inner_text("dl")
    page.locator(".found button").first.focus()
    page.keyboard.press("Enter")
    assert page.inner_text("dialog h2") == "rank 1 of 5"
    page.keyboard.press("ArrowRight")
    assert page.inner_text("dialog h2") == "rank 2 of 5"
    assert loaded(page, "dialog img") == [128, 128]
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
    until(page, "document.activeElement.querySelector('.rank')?.textContent === '2'")  # where one has got to
    page.focus("canvas")
    scale = page.evaluate("chart.scale")
    page.keyboard.press("-")
    assert page.evaluate("chart.scale") == pytest.approx(scale / 1.5)


def test_what_is_wrong_is_said_and_the_last_answer_is_gone(page, city, tmp_path):
    drop(page, city[5])
    answered(page)
    (tmp_path / "letter.jpg").write_text("dear all")
    drop(page, tmp_path / "letter.jpg")
    page.wait_for_selector(".problem:visible")
    assert page.inner_text(".problem") == "This is not a photo that can be read (JPEG, PNG, WebP or BMP)"
    assert not page.locator(".given").is_visible()
    assert page.locator(".found button").count() == 0
    drop(page, write_image(tmp_path / name_of(1), 1, (400, 400), noise=1), kind="")
    page.wait_for_selector(".problem:has-text('too large')")
    drop(page, city[4], kind="")
    answered(page)
    assert not page.locator(".problem").is_visible()


def test_the_file_chooser_and_the_clipboard(page, city):
    page.set_input_files("#file", city[2])
    answered(page)
    first = page.inner_text(".where")
    page.evaluate(
        DROP.replace("DragEvent", "ClipboardEvent")
        .replace('"drop"', '"paste"')
        .replace("dataTransfer:", "clipboardData:"),
        [list(city[8].read_bytes()), "image.png", "image/png"],
    )
    until(page, f"document.querySelector('.where').textContent !== '{first}'")
    answered(page)
    assert page.inner_text(".where") == ", ".join(degrees(500_400))


def test_an_uncalibrated_answer_on_a_phone_at_night(browser, locator, city):
    with opened(browser, locator, color_scheme="dark") as page:
        page.set_viewport_size({"width": 400, "height": 800})
        drop(page, city[5])
        answered(page)
        assert "Not calibrated" in page.inner_text(".given")
        assert not page.locator(".sure").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 31)"


def test_twenty_thousand_dots_are_drawn_at_once(browser, locator):
    """Of 100,000 places."""
    east = np.arange(100_000.0)
    locator.index.xy = np.concatenate(
        [locator.index.xy, np.stack([499_000 + east % 1000, 4_000_100 + east // 1000], axis=1)]
    )
    with opened(browser, locator) as page:
        assert page.evaluate("chart.base.cloud.length") == 20_000
        until(page, "document.querySelector('.keys').textContent.includes('20000 of 100012 places drawn')")
