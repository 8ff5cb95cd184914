"""The page of a sweep: order, means, marks and places of its charts, from job folders that are written here."""

import csv
import json
import threading
import time
from html.parser import HTMLParser

import pytest
import yaml
from filelock import FileLock

from geoloc.report.sweep import files, leaderboard, page, study
from geoloc.report.sweep.charts import axis_of, parallel, scatters
from geoloc.report.sweep.files import write_sweep_files
from geoloc.report.sweep.jobs import read_jobs
from geoloc.report.sweep.leaderboard import rank, write_leaderboard
from geoloc.report.sweep.page import write_leaderboard_page


def write_job(sweep, number, typed, day=None, night=None, *, radius=25.0, val=(), **results):
    """`day`, `night`: R@1; R@5 is 10 higher. `val`: R@5 of each epoch."""
    folder = sweep / str(number)
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(typed.split()))
    (folder / ".hydra" / "config.yaml").write_text("monitor: R5\n")
    recalls = {name: r1 for name, r1 in (("day", day), ("night", night)) if r1 is not None}
    domains = {name: {"recalls": {"1": r1, "5": r1 + 10}, "radius_m": radius} for name, r1 in recalls.items()}
    content = {"status": "finished" if domains else "failed", "domains": domains, **results}
    (folder / "results.json").write_text(json.dumps(content))
    (folder / "debug.log").write_text("")
    if domains:
        (folder / "report.html").write_text("")
    if val:
        (folder / "metrics.csv").write_text("epoch,val/R5_mean\n" + "".join(f"{i},{v}\n" for i, v in enumerate(val)))


def write_sweep(sweep):
    """Three finished jobs and one that failed."""
    write_job(sweep, 0, "aug=none lr=0.001 data=x", 40.0, 20.0, val=[31, 33, 32], seconds={"data": 1, "train": 60})
    write_job(sweep, 1, "aug=night lr=0.1 data=x", error="RuntimeError: <boom> & more")
    seconds = {"data": 2.4, "train": 3600, "of which mining": 50, "test": 120}
    write_job(sweep, 2, "aug=night lr=0.01 data=x", 50.0, 31.0, val=["", 30, "nan"], seconds=seconds)
    write_job(sweep, 10, "aug=none lr=0.01 data=x", 10.0, 30.0)
    (sweep / "11").mkdir()  # a job that has not begun
    return sweep


class Page(HTMLParser):
    """Cells of the table of jobs, and every tag with a job, of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.rows, self.cell = [], [], None
        self.feed(page.read_text())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.cell = tag

    def handle_endtag(self, tag):
        self.cell = None if tag in ("td", "th") else self.cell

    def handle_data(self, data):
        if self.cell:
            self.rows[-1][-1] += data

    def of_jobs(self):
        """Head and rows of the first table."""
        head, *rows = self.rows
        return [dict(zip(head, row, strict=True)) for row in rows if len(row) == len(head)]

    def drawn(self, tag):
        return [attrs for name, attrs in self.tags if name == tag and "data-job" in attrs]


def test_the_table_has_the_best_mean_first_and_failures_last(tmp_path):
    page = Page(write_leaderboard_page(write_sweep(tmp_path)))
    rows = page.of_jobs()
    assert list(rows[0]) == [
        "job", "status", "validation R@5", "mean R@1", "aug", "lr", "dayR@1", "dayR@5", "nightR@1", "nightR@5", "time",
    ]  # fmt: skip
    assert [list(row.values()) for row in rows] == [
        ["2 ★", "finished", "30.0", "40.5", "night", "0.01", "50.0", "60.0", "31.0", "41.0", "1:02:02"],
        ["0", "finished", "33.0", "30.0", "none", "0.001", "40.0", "50.0", "20.0", "30.0", "1:01"],
        ["10", "finished", "", "20.0", "none", "0.01", "10.0", "20.0", "30.0", "40.0", ""],
        ["1", "failed", "", "", "night", "0.1", "", "", "", "", ""],
    ]
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert [link for link in links if "/" in link] == [
        "2/report.html", "0/report.html", "10/report.html", "1/debug.log", "1/debug.log", "1/debug.log",
    ]  # fmt: skip
    assert not any(attrs.get("src") or attrs.get("href", "").startswith("http") for _, attrs in page.tags)


def test_the_page_says_how_many_failed_and_why(tmp_path):
    sweep = write_sweep(tmp_path)
    (sweep / "study.md").write_text("")
    text = write_leaderboard_page(sweep).read_text()
    assert "4 jobs: 3 finished, 1 failed" in text
    assert "failed: RuntimeError: &lt;boom&gt; &amp; more" in text
    assert "<boom>" not in text
    assert '<a href="study.md">' in text
    assert "<pre>data=x</pre>" in text  # typed for all jobs alike
    assert "Judged in different ways" not in text


def test_only_the_best_is_marked_and_only_the_highest_validation_underlined(tmp_path):
    page = Page(write_leaderboard_page(write_sweep(tmp_path)))
    best = [attrs["data-job"] for attrs in page.drawn("tr") if "best" in attrs["class"].split()]
    assert best == ["2"]
    assert [attrs["data-job"] for attrs in page.drawn("polyline") if "best" in attrs["class"].split()] == ["2"]
    text = (tmp_path / "leaderboard.html").read_text()
    assert text.count('class="top"') == 1
    assert 'title="highest validation recall">33.0<' in text


def test_jobs_judged_otherwise_get_a_letter_and_a_best_of_their_own(tmp_path):
    for number, (r1, radius) in enumerate([(50.0, 10.0), (20.0, 25.0), (90.0, 50.0), (30.0, 25.0)]):
        write_job(tmp_path, number, f"radius.eval={radius:g}", r1, radius=radius)
    write_job(tmp_path, 4, "radius.eval=1", error="RuntimeError: boom")
    board = rank(read_jobs(tmp_path))
    told = [(entry.job.name, entry.judged, entry.best) for entry in board.entries]
    # A is how most were judged; then in the sweep's order.
    assert told == [("2", "C", True), ("0", "B", True), ("3", "A", True), ("1", "A", False), ("4", "", False)]
    assert {letter: way["day"].split(";")[0] for letter, way in board.ways.items()} == {
        "A": "right within 25 m", "B": "right within 10 m", "C": "right within 50 m",
    }  # fmt: skip
    with write_leaderboard(tmp_path).open() as file:
        assert [row["judged"] for row in csv.DictReader(file)] == ["C", "B", "A", "A", ""]
    page = write_leaderboard_page(tmp_path)
    assert "Recalls may be compared within a letter only." in page.read_text()
    dashed = [attrs["data-job"] for attrs in Page(page).drawn("polyline") if "other" in attrs["class"].split()]
    assert sorted(dashed) == ["0", "2"]


def test_a_mean_is_that_of_the_lowest_n_of_the_sweep(tmp_path):
    write_job(tmp_path, 0, "recall_values=[1]", 40.0)
    results = {"status": "finished", "domains": {"day": {"recalls": {"5": 90.0}}}}
    write_job(tmp_path, 1, "recall_values=[5]", **results)
    board = rank(read_jobs(tmp_path))
    assert [(entry.job.name, entry.mean) for entry in board.entries] == [("0", 40.0), ("1", None)]
    assert board.n == 1


@pytest.mark.parametrize(
    ("values", "places", "ticks"),
    [
        (["0.1", "0.2", "0.05"], [1 / 3, 1, 0], ["0.05", "0.1", "0.2"]),  # linear
        (["1e-4", "0.01", "1.0", "0.001"], [0, 0.5, 1, 0.25], ["0.0001", "0.001", "0.01", "1"]),  # by its logarithm
        (["1", "1.0"], [0.5, 0.5], ["1"]),
        (["night", "none", "night"], [0, 1, 0], ["night", "none"]),
        (["0.1", "", "0.2"], [0, 0.5, 1], ["0.1", "(not given)", "0.2"]),
        (["nan", "1"], [0, 1], ["nan", "1"]),
        ([str(value) for value in range(13)], [value / 12 for value in range(13)], ["0", "4", "8", "12"]),
    ],
)
def test_where_values_lie_on_an_axis(values, places, ticks):
    axis = axis_of("key", values)
    assert [axis.at[value] for value in values] == pytest.approx(places)
    assert [label for _, label in axis.ticks] == ticks


def flat(points):
    return [number for point in points for number in point]


def test_lines_and_points_lie_where_they_should(tmp_path):
    board = rank(read_jobs(write_sweep(tmp_path)))
    chart = parallel(board)
    assert [axis.name for _, axis in chart.axes] == ["aug", "lr", "mean R@1"]
    # 260 apart, the most; none (first typed) below, night above; lr by its logarithm over 0.001 to 0.1.
    lines = {line.entry.job.name: line.points for line in chart.lines}
    assert flat(lines["2"]) == pytest.approx(flat([(112, 42), (372, 42 + 115), (632, 42)]))
    assert flat(lines["10"]) == pytest.approx(flat([(112, 272), (372, 42 + 115), (632, 272)]))
    assert flat(lines["0"]) == pytest.approx(flat([(112, 272), (372, 272), (632, 42 + 230 * (40.5 - 30) / 20.5)]))
    assert flat(lines["1"]) == pytest.approx(flat([(112, 42), (372, 42)]))  # no recall
    assert chart.lines[-1].entry.job.name == "2"  # drawn upon the others
    assert not chart.narrow
    aug, lr = scatters(board)
    assert (aug.name, lr.name) == ("aug", "lr")
    points = {entry.job.name: (x, y) for entry, x, y in lr.points}
    assert points["2"] == pytest.approx((100, 0))
    assert points["0"] == pytest.approx((0, 120 * 10.5 / 20.5))
    assert points["10"] == pytest.approx((100, 120))
    assert len(points) == 3


def test_the_highest_validation_is_that_of_jobs_judged_alike_by_the_same_monitor(tmp_path):
    for number, (radius, monitor, best) in enumerate([(10, "R1", 20), (10, "R5", 40), (25, "R5", 60), (25, "R5", 50)]):
        write_job(tmp_path, number, f"radius.eval={radius} monitor={monitor}", 30.0, radius=float(radius))
        (tmp_path / str(number) / ".hydra" / "config.yaml").write_text(f"monitor: {monitor}\n")
        (tmp_path / str(number) / "metrics.csv").write_text(f"epoch,val/{monitor}_mean\n0,{best}\n")
    write_job(tmp_path, 4, "radius.eval=50 monitor=R5", error="boom", val=[90])
    entries = {entry.job.name: entry for entry in rank(read_jobs(tmp_path)).entries}
    assert {name: entry.job.validated for name, entry in entries.items()} == {
        "0": 20,
        "1": 40,
        "2": 60,
        "3": 50,
        "4": 90,
    }
    assert {name for name, entry in entries.items() if entry.top} == {"0", "1", "2"}
    page = Page(write_leaderboard_page(tmp_path))
    assert "validation" in page.of_jobs()[0]  # of no one N


def test_names_of_many_axes_stand_in_two_lines_and_whole_numbers_are_whole(tmp_path):
    keys = ["aggregator.clusters", "backbone.depth", "loss.margin", "miner.queries_per_epoch", "optimizer.weight_decay"]
    for number in (1, 2):
        write_job(tmp_path, number, " ".join(f"{key}={1000 * number}" for key in keys), 10.0 * number)
    chart = parallel(rank(read_jobs(tmp_path)))
    assert chart.narrow
    assert chart.axes[0][1].ticks == [(0.0, "1000"), (1.0, "2000")]
    drawn = [attrs["y"] for tag, attrs in Page(write_leaderboard_page(tmp_path)).tags if attrs.get("class") == "name"]
    assert drawn == ["12", "27"] * 3


def test_a_sweep_without_any_result_has_a_page(tmp_path):
    assert "No job has begun." in write_leaderboard_page(tmp_path).read_text()
    write_job(tmp_path, 0, "aug=none", error="RuntimeError: boom")
    write_job(tmp_path, 1, "aug=night", error="RuntimeError: boom")
    assert "2 jobs: 2 failed" in write_leaderboard_page(tmp_path).read_text()
    assert parallel(rank(read_jobs(tmp_path))) is None


def test_each_job_is_read_once_for_all_files(tmp_path, monkeypatch):
    write_sweep(tmp_path)
    read, seen = files.read_jobs, []
    for module in (files, leaderboard, page, study):
        monkeypatch.setattr(module, "read_jobs", lambda sweep: seen.append(sweep) or read(sweep))
    write_sweep_files(tmp_path)
    assert seen == [tmp_path]
    assert (tmp_path / "leaderboard.csv").is_file()
    assert (tmp_path / "leaderboard.html").is_file()


def test_a_job_that_is_just_being_written_is_passed_over(tmp_path):
    write_sweep(tmp_path)
    write_job(tmp_path, 12, "aug=none")
    (tmp_path / "12" / "results.json").write_text('{"status": "fin')
    for text in ("", "- 'aug=no", "- aug=none\n- [1"):
        (tmp_path / "12" / ".hydra" / "overrides.yaml").write_text(text)
        (tmp_path / "12" / ".hydra" / "config.yaml").write_text(text)
        assert "5 jobs: 3 finished, 1 failed, 1 begun" in write_leaderboard_page(tmp_path).read_text()


def test_of_two_jobs_that_end_together_none_is_left_out(tmp_path):
    write_sweep(tmp_path)
    with FileLock(tmp_path / ".leaderboard.lock"):  # another job is writing
        ours = threading.Thread(target=write_sweep_files, args=[tmp_path])
        ours.start()
        time.sleep(0.3)
        write_job(tmp_path, 12, "aug=none", 99.0, 99.0)
    ours.join()
    with (tmp_path / "leaderboard.csv").open() as file:
        assert [row["job"] for row in csv.DictReader(file)] == ["12", "2", "0", "10", "1"]
    assert (tmp_path / "leaderboard.html").is_file()


@pytest.mark.slow
def test_titles_sort_and_ranges_filter_in_a_browser(tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    page_file = write_leaderboard_page(write_sweep(tmp_path))
    with playwright.sync_playwright() as started:
        try:
            browser = started.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no browser: {error}")
        page = browser.new_page(viewport={"width": 1100, "height": 1600})
        complaints = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(page_file.as_uri())

        def jobs():
            return page.eval_on_selector_all("#jobs tbody tr", "rows => rows.map(row => row.dataset.job)")

        def title(text):
            page.click(f"#jobs th:has-text('{text}') button")
            return jobs()

        assert jobs() == ["2", "0", "10", "1"]
        assert title("job") == ["0", "1", "2", "10"]  # numbers, not letters
        assert title("job") == ["10", "2", "1", "0"]
        assert title("lr") == ["0", "10", "2", "1"]
        assert title("aug") == ["2", "1", "0", "10"]  # equals stay as they were
        assert title("mean") == ["2", "0", "10", "1"]
        assert title("mean") == ["10", "0", "2", "1"]  # what has no recall stays below
        assert page.get_attribute("#jobs th:has-text('mean')", "aria-sort") == "ascending"
        assert page.locator("#jobs th[aria-sort]").count() == 1

        page.click("#jobs tr[data-job='0'] td:nth-child(3)")
        assert page.locator("polyline.picked").get_attribute("data-job") == "0"
        assert page.locator("body.picks").count() == 1
        page.click("#jobs tr[data-job='0'] td:nth-child(3)")
        assert page.locator(".picked, body.picks").count() == 0

        box = page.locator("#parallel .reach[data-axis='2']").bounding_box()
        x, top = box["x"] + box["width"] / 2, box["y"] + 6  # the axis begins 6 below
        page.mouse.move(x, top - 3)
        page.mouse.down()
        page.mouse.move(x, top + 130)  # the mean recall from 40.5 down to 28.9
        page.mouse.up()
        assert page.locator("#jobs tbody tr:visible").count() == 2
        page.mouse.click(x, top + 60)
        assert page.locator("#jobs tbody tr:visible").count() == 4
        assert complaints == []
        browser.close()


def _chromium():
    import shutil

    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
