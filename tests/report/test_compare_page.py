"""compare.html: its tables, its bars, and the pictures of queries that flipped."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from finished import AFTER, BEFORE, write_run
from in_process import work
from mini import write_image
from PIL import Image

from geoloc.evaluate.before_after import Change
from geoloc.report.compare import gallery
from geoloc.report.compare.answers import Answer, Prediction
from geoloc.report.compare.forest import forest, limit_of
from geoloc.report.compare.gallery import ON_PAGE, Photographer, telling
from geoloc.report.compare.pairs import Flip, Pair
from geoloc.report.compare.rows import Comparison
from geoloc.report.compare.runs import Run
from geoloc.report.figures import QUERY, RIGHT, WRONG

VOID = {"meta", "img", "br", "line", "circle"}


class Page(HTMLParser):
    """Cells, headings, summaries, captions, pictures and marks, and whatever is loaded or never closed."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.texts, self.pictures, self.marks, self.loads, self.open = [], [], [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.loads += [value for key, value in attrs if key in ("src", "href", "srcset", "data")]
        self.loads += [tag] * (tag in ("script", "link", "iframe"))
        if tag == "img":
            self.pictures.append(values["src"])
        if tag == "circle":
            self.marks.append(float(values["cx"]))
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag in ("h1", "h2", "h3", "summary", "figcaption", "p", "div"):
            self.texts.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += " ".join(data.split())
        elif "style" not in self.open and self.texts:
            self.texts[-1] += f"{' '.join(data.split())} " if data.strip() else ""


def compare(folder, *runs):
    return work(folder, "task=compare", f"runs=[{','.join(map(str, runs))}]")


@pytest.fixture
def photos(tmp_path):
    """Folders with the photos of the runs in `finished`."""
    roots = {side: tmp_path / "photos" / side for side in ("database", "queries")}
    for number, name in enumerate(BEFORE):
        # The reader goes by what is in a file, not by its name.
        write_image(roots["queries"] / f"{name}.jpg", number, (48, 64)).rename(roots["queries"] / name)
    for number in range(1, 9):
        write_image(roots["database"] / f"d{number}.jpg", 100 + number, (48, 64)).rename(
            roots["database"] / f"d{number}"
        )
    return {"day": {"folders": {side: str(root) for side, root in roots.items()}}}


@pytest.fixture
def pair(tmp_path, photos):
    around = {"environment": {"command": "python -m geoloc.run <x>", "device": "cpu"}}
    one = write_run(tmp_path / "runs" / "a", {"day": BEFORE}, judged=photos, **around)
    return one, write_run(tmp_path / "runs" / "b", {"day": AFTER}, judged=photos, **around)


def frame(address):
    """What the colour of a photo's frame says, at all four sides."""
    kind, _, data = address.partition(",")
    assert kind == "data:image/jpeg;base64"
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)
    width, height = gallery.TILE
    assert picture.shape == (height, width, 3)
    sides = [picture[at] for at in ((height // 2, 1), (height // 2, -2), (1, width // 2), (-2, width // 2))]
    colours = {"query": QUERY, "right": RIGHT, "wrong": WRONG}
    near = {name: max(np.abs(side - colour).max() for side in sides) for name, colour in colours.items()}
    name = min(near, key=near.get)
    assert near[name] < 40
    return name


def test_the_page_by_hand(pair, tmp_path):
    out = compare(tmp_path / "out", *pair)
    text = (out / "compare.html").read_text()
    page = Page(text)
    assert all(each.startswith("data:") for each in page.loads)
    assert "http" not in text
    one, five = (row for row in page.rows if row[1:4] in (["1", "37.5", "62.5"], ["5", "62.5", "87.5"]))
    assert one[0] == "day8 queries"
    assert re.fullmatch(r"\+25.0 \[-25.0, \+(62|75).[05]\]", one[4])
    assert one[6:] == ["37.5", "12.5", "0.6250", "1.0000", "open"]
    assert five[6:] == ["25.0", "0.0", "0.5000", "1.0000", "open"]
    assert ["day", "100.0 m", "5.0 m"] in page.rows
    # 150 pixels, 6 at each side for the dots, 0 in the middle, 75 points at the end: 69 / 3 right of it.
    assert page.marks == [98.0, 98.0]
    texts = [" ".join(each.split()) for each in page.texts]
    assert "0 better , 0 worse , 2 open: what the corrected p-value allows to say at a level of 5 %." in texts
    assert "day: 5 of 8 queries flipped" in texts
    assert "became right: 4" in texts
    assert "became wrong: 1" in texts
    assert "python -m geoloc.run <x>" in texts[1] + texts[2]

    # Largest change of 1/rank first: q5 7 -> 1, q2 3 -> 1, then q3 none -> 2 and q6 2 -> 1, both 1/2; wrong: q1.
    shown = [each.split(" ")[0] for each in texts if "· became" in each]
    assert shown == ["q5", "q2", "q3", "q6", "q1"]
    assert "q5 · became right within 1, 5" in texts
    captions = [each for each in texts if each.startswith("runs/") and "right" in each]
    assert captions[:2] == ["runs/a: first right at rank 7", "runs/b: first right at rank 1"]
    assert captions[4] == "runs/a: none right"
    assert texts[texts.index(captions[1]) + 1] == "query ✓ 5.0 m ✗ 100 m ✓ 5.0 m"
    right, wrong = "right", "wrong"
    assert [frame(each) for each in page.pictures] == [
        kind
        for found in (
            [wrong, wrong, wrong],
            [right, wrong, right],
            [wrong, wrong, right],
            [right, wrong, right],
            [wrong, wrong, wrong],
            [wrong, right, wrong],
            [wrong, right, wrong],
            [right, wrong, right],
            [right, wrong, right],
            [wrong, wrong, wrong],
        )
        for kind in ("query", *found)
    ]


def test_photos_that_are_gone_leave_names(pair, tmp_path, caplog):
    (tmp_path / "photos").rename(tmp_path / "away")
    out = compare(tmp_path / "out", *pair)
    page = Page((out / "compare.html").read_text())
    assert page.pictures == []
    said = [text for text in page.texts if "cannot be shown" in text]
    assert len(said) == 1
    # Five queries and the first three of the database.
    assert said[0].startswith("8 photos cannot be shown, so their names stand alone. The first: ")
    assert "/queries/q5: no such image" in said[0]
    texts = [" ".join(each.split()) for each in page.texts]
    assert sum("· became" in text for text in texts) == 5
    assert "q5 query d1 ✓ 5.0 m d2 ✗ 100 m d3 ✓ 5.0 m" in texts
    assert [line for line in caplog.messages if "8 photos cannot be shown" in line]
    # One photo that is damaged costs only its own picture, here before and after.
    (tmp_path / "away").rename(tmp_path / "photos")
    (tmp_path / "photos" / "queries" / "q5").write_text("no photo")
    assert len(Page((compare(tmp_path / "one", *pair) / "compare.html").read_text()).pictures) == 10 * 4 - 2


def test_several_runs_and_nothing_flipped(pair, photos, tmp_path):
    c = write_run(tmp_path / "runs" / "c", {"day": BEFORE}, judged=photos, ns=(1,))
    page = Page((compare(tmp_path / "out", *pair, c) / "compare.html").read_text())
    assert ["domain", "N", "runs/a", "runs/b", "runs/c"] in page.rows
    assert ["day", "1", "37.5", "62.5+25.0", "37.50.0"] in page.rows
    assert ["", "5", "62.5", "87.5+25.0", "\N{EN DASH}"] in page.rows
    texts = [" ".join(each.split()) for each in page.texts]
    assert "day, runs/b: 5 of 8 queries flipped" in texts
    assert "None in runs/c." in texts


def test_what_is_sure_is_called_so(tmp_path):
    none = {f"q{number}": 0 for number in range(20)}
    runs = [
        write_run(tmp_path / "r" / name, {"up": up, "down": down})
        for name, up, down in (("a", none, dict.fromkeys(none, 1)), ("b", dict.fromkeys(none, 1), none))
    ]
    page = Page((compare(tmp_path / "out", *runs) / "compare.html").read_text())
    assert [row[-1] for row in page.rows if len(row) == 11] == ["verdict", "better", "better", "worse", "worse"]
    # Far right and far left.
    assert page.marks == [144.0, 144.0, 6.0, 6.0]


def test_bars_by_hand():
    def change(difference, low, high):
        return Change(0, 0, difference, (low, high), 0, 0, 1.0, 10)

    both = [change(5, -2.5, 12.5), change(-12.5, -20, 0)]
    assert [limit_of(own) for own in (both, both[:1], [change(0, 0, 0)], [])] == [20, 20, 1, 1]
    assert limit_of([change(-75.5, -100, 100)]) == 100
    found = forest(both, 20)
    # 69 pixels for 20 points, from 75.
    assert [(bar.low, bar.dot, bar.high) for bar in found.bars] == [(66.4, 92.2, 118.1), (6.0, 31.9, 75.0)]


def flip(query, before, after):
    return Flip(query, Answer("", before), Answer("", after), [1])


def test_the_most_telling_come_first():
    flips = [flip("a", 2, 1), flip("b", 0, 1), flip("c", 0, 1), flip("d", 0, 1), flip("e", 0, 1), flip("f", 4, 1)]
    names = [[each.query for each in telling(flips, number)] for number in range(7)]
    # Of the four of 1, evenly; then f of 3/4, then a of 1/2.
    assert names == [
        [],
        ["b"],
        ["b", "d"],
        ["b", "c", "d"],
        ["b", "c", "d", "e"],
        ["b", "c", "d", "e", "f"],
        ["b", "c", "d", "e", "f", "a"],
    ]
    assert [flip("", *ranks).helped for ranks in ((0, 1), (2, 1), (1, 0), (1, 2))] == [True, True, False, False]
    assert [flip("", *ranks).gain for ranks in ((0, 1), (1, 4), (2, 4), (0, 0))] == [1.0, -0.75, -0.25, 0.0]


@pytest.mark.parametrize(("domains", "each"), [(1, 6), (10, 3), (70, 1)])
def test_pictures_are_few(domains, each):
    """However many flip: at most `EACH` a domain and direction, and `ON_PAGE` on the page."""
    right, wrong = (Answer("", rank, [Prediction("d", 1.0, bool(rank))]) for rank in (1, 0))
    before = {f"q{number}": wrong if number % 2 else right for number in range(40)}
    after = {query: right if answer is wrong else wrong for query, answer in before.items()}
    pairs = [Pair(f"{number}", [1], before, after, {}) for number in range(domains)]
    facts = {"domains": {pair.domain: {"recalls": {"1": 50.0}} for pair in pairs}}
    run = Run("a", None, facts)
    photographer = Photographer()
    (pages,) = photographer.galleries(run, [Comparison(run, pairs, [])])
    shown = [len(own.shown) for page in pages for own in page]
    assert {own.number for page in pages for own in page} == {20}
    assert len(shown) == 2 * domains
    assert max(shown) == each
    assert sum(shown) == min(ON_PAGE, 2 * domains * each)
    assert len(photographer.missing) == min(
        domains, ON_PAGE // 2
    )  # of each shown, that nobody knows where its photos are
