"""What the terminal, and what a log file shows. A terminal is one end of a pty."""

from __future__ import annotations

import io
import logging
import os
import re
import sys
import threading
import time

import numpy as np
import pytest
from command_line import TINY, geoloc, only_run
from in_process import work as work_of

from geoloc import console, search
from geoloc.console import choose, fancy, first_process, level_of, shows_progress, terminal
from geoloc.data import progress
from geoloc.data.progress import Bar, progress_bar
from geoloc.index.exact import Exact
from geoloc.logs import ConsoleFormatter, ConsoleHandler
from geoloc.tasks import table
from geoloc.tasks.table import plain_table, print_table, rich_table

COLOURS = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38;[\d;]+)m")


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", *console.RANKS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal.cache_clear()
    yield
    choose("rich")
    terminal.cache_clear()


@pytest.fixture
def clock(monkeypatch):
    """The seconds that `time.monotonic` tells; set them by clock[0]."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


class Tty:
    """A terminal. pytest sets standard error anew for each phase of a test, so the test itself has to connect it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.ours, theirs = os.openpty()
        self.stream = open(theirs, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        self.read = b""
        self.reader = threading.Thread(target=self._read, daemon=True)  # a pty holds few bytes that nobody has read
        self.reader.start()

    def _read(self) -> None:
        try:
            while more := os.read(self.ours, 65536):
                self.read += more
        except OSError:  # the other end is closed
            return

    def connect(self) -> None:
        self.monkeypatch.setattr(sys, "stderr", self.stream)

    def take(self) -> str:
        """What was written since it was asked last."""
        mark = "\x00end\x00"
        self.stream.write(mark)
        self.stream.flush()
        for _ in range(500):
            if self.read.endswith(mark.encode()):
                break
            time.sleep(0.01)
        found, self.read = self.read.removesuffix(mark.encode()), b""
        return found.decode()


@pytest.fixture
def tty(monkeypatch):
    terminal = Tty(monkeypatch)
    yield terminal
    monkeypatch.undo()
    terminal.stream.close()
    terminal.reader.join(5)
    os.close(terminal.ours)


def work(clock, seconds=20, unit="images"):
    """100 pieces of work, 5 a second."""
    with progress_bar("describing", unit) as advance:
        for second in range(seconds + 1):
            clock[0] = float(second)
            advance(5 * second, 5 * seconds)


def test_a_log_file_gets_a_line_every_ten_seconds(clock, capsys):
    work(clock, 25)
    assert capsys.readouterr().err.splitlines() == [
        "describing: 50/125 images, 5.0 images/s, 0:10, ETA 0:15",
        "describing: 100/125 images, 5.0 images/s, 0:20, ETA 0:05",
        "describing: 125/125 images, 5.0 images/s, 0:25",
    ]
    work(clock, 0)
    clock[0] = 0
    work(clock, 9)  # short work is not worth a line
    assert capsys.readouterr().err == ""


def test_the_first_moment_tells_no_rate(clock):
    bar = Bar("describing")
    clock[0] = 0.001
    bar.advance(16, 160)  # what has come at once has not been timed
    assert bar.figures(0.001) == {"count": "16/160", "rate": "", "elapsed": "0:00", "left": "", "note": ""}
    assert bar.figures(2.0)["rate"] == "8.0 images/s"
    bar.close()


def test_a_terminal_shows_a_bar_and_leaves_no_trace_of_short_work(clock, tty):
    tty.connect()
    work(clock, 8)
    shown = tty.take()
    assert "━" in shown
    for figures in ("describing", "20/40", "5.0 images/s", "0:04", "ETA 0:04"):
        assert figures in shown
    assert COLOURS.search(shown)
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is back
    assert shown.endswith("\r\x1b[1A\x1b[2K")  # the bar's line is erased, and nothing comes after it


def test_the_cursor_is_seen_while_a_bar_is_shown(clock, tty):
    """So that a terminal is in order even if the process is killed."""
    tty.connect()
    bar = Bar("describing")
    bar.advance(1, 2)
    shown = tty.take()
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    bar.close()


@pytest.mark.parametrize("names", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours_where_nobody_wants_them(names, clock, tty, monkeypatch):
    tty.connect()
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    work(clock)
    logging_to_console().warning("mind the gap")
    shown = tty.take()
    assert not COLOURS.search(shown)
    assert ("━" in shown) == ("NO_COLOR" in names)
    assert "warning: mind the gap" in shown
    if "TERM" in names:
        assert "\x1b" not in shown
        assert shown.splitlines()[0] == "describing: 50/100 images, 5.0 images/s, 0:10, ETA 0:10"


def test_plain_and_quiet(clock, tty):
    tty.connect()
    choose("plain")
    work(clock)
    shown = tty.take()
    assert "\x1b" not in shown
    assert shown.splitlines()[-1] == "describing: 100/100 images, 5.0 images/s, 0:20"
    for wanted in ({"mode": "quiet"}, {"mode": "rich", "bars": False}):
        choose(**wanted)
        work(clock)
        assert tty.take() == ""


def test_only_the_first_process_shows_anything(clock, tty, monkeypatch):
    tty.connect()
    assert (first_process(), level_of("rich"), level_of("quiet")) == (True, "INFO", "WARNING")
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert first_process()
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert (first_process(), level_of("rich"), shows_progress(), fancy(sys.stderr)) == (False, "ERROR", False, False)
    work(clock)
    assert tty.take() == ""
    monkeypatch.setenv("RANK", "0")  # counts all processes, and so goes first
    assert first_process()
    monkeypatch.delenv("RANK")
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("NODE_RANK", "1")
    assert not first_process()


def logging_to_console() -> logging.Logger:
    logger = logging.Logger("test")
    handler = ConsoleHandler()
    handler.setFormatter(ConsoleFormatter())
    logger.addHandler(handler)
    return logger


def test_the_log_stands_above_the_bars_in_one_piece(clock, tty):
    tty.connect()
    log = logging_to_console()
    path = "/a/long/folder" * 20
    with progress_bar("outer", "epochs") as outer, progress_bar("inner") as inner:
        outer(0, 2)
        inner(1, 4)
        tty.take()
        log.info("saved %s", path)
        shown = tty.take()
        assert path in shown  # not broken by the terminal's width
        assert shown.index("saved") < shown.index("outer") < shown.index("inner")
    assert progress._display.progress is None


def test_lines_are_broken_between_words_unless_they_are_commands(tty, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    tty.connect()
    log = logging_to_console()
    log.info("described 684 images in 16.0 s")
    assert tty.take() == "described 684 images\r\nin 16.0 s\r\n"
    log.info("python -m geoloc.run seed=1", extra={"whole": True})
    assert tty.take() == "python -m geoloc.run seed=1\r\n"


def test_there_is_room_for_two_interruptions_beside_the_bars(clock, tty, monkeypatch):
    """A ^C at the end of a full line would be wrapped, and the erasing would then miss the first line."""
    monkeypatch.setenv("COLUMNS", "80")
    tty.connect()
    with progress_bar("outer", "epochs") as outer, progress_bar("describing") as inner:
        outer(0, 2)
        inner(1, 4, "loss 0.1234")
        lines = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", tty.take()).splitlines()
    assert max(len(line) for line in lines) == 76


def test_work_that_is_cut_off_leaves_no_line_in_a_log_file(clock, capsys):
    def stop():
        with progress_bar("describing") as advance:
            advance(1, 100)
            clock[0] = 11
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert capsys.readouterr().err == ""


def test_work_that_fails_leaves_a_clean_terminal(clock, tty):
    tty.connect()

    def fail():
        with progress_bar("describing") as advance:
            advance(1, 2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert progress._display.progress is None
    assert progress._display.bars == []
    shown = tty.take()
    assert "\x1b[2K" in shown[shown.rindex("1/2") :]


def test_a_run_that_is_cut_off_takes_its_bars_away(clock, tty):
    tty.connect()
    bar = Bar("describing")
    bar.advance(1, 2)
    logging_to_console().error("stop")
    assert re.search(r"\x1b\[[\d;]*31m *error: stop\x1b\[0m", tty.take())
    progress.clear()
    assert tty.take().endswith("\r\x1b[1A\x1b[2K")
    bar.close()
    assert tty.take() == ""


@pytest.mark.parametrize("opened", [False, True])
def test_interrupted_at_any_moment_the_terminal_is_clean(opened, monkeypatch):
    """The interruption comes at every 97th line that drawing takes, within rich too."""

    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    def interrupted(line: int) -> tuple[bool, str]:
        terminal.cache_clear()
        screen = Screen()
        monkeypatch.setattr(sys, "stderr", screen)
        outer, inner = Bar("epochs"), Bar("epoch 1")
        outer.advance(1, 50)
        if opened:
            inner.advance(1, 60)
        left = line

        def count(*_):
            nonlocal left
            left -= 1
            if left == 0:
                sys.settrace(None)
                raise KeyboardInterrupt
            return count

        traced, hit = sys.gettrace(), False
        sys.settrace(count)
        try:
            inner.advance(4, 60)
        except KeyboardInterrupt:
            hit = True
        sys.settrace(traced)
        progress.clear()
        logging_to_console().info("stopped")
        return hit, screen.getvalue()

    monkeypatch.setattr(progress, "REDRAW", 0)
    line = 1
    while (found := interrupted(line))[0]:
        assert found[1].endswith("stopped\n"), (line, found[1][-200:])
        line += 97
    assert line > 1000


def test_counting_without_a_total(clock, capsys):
    with progress_bar("unpacking", "files") as advance:
        advance(1, 0)
        clock[0] = 20
        advance(5, 0)
    assert capsys.readouterr().err.splitlines()[0] == "unpacking: 5 files, 5 s each, 0:20"


def test_search_in_blocks_finds_what_one_search_finds(monkeypatch):
    rng = np.random.default_rng(0)
    database, queries = (rng.normal(size=(n, 8)).astype(np.float32) for n in (30, 10))
    whole = Exact().search(database, queries, 5)
    monkeypatch.setattr(search, "AT_ONCE", 4)
    domain = type("Named", (), {"name": "city"})()
    blocks = search._look_up_all(domain, Exact().fit(database), queries, np.arange(10), 5, False)
    assert blocks.database_size == 30
    np.testing.assert_array_equal(blocks.ids, whole.ids)
    np.testing.assert_allclose(blocks.distances, whole.distances, rtol=1e-6)


ROWS = [["domain", "R@1", "queries"], ["city_day", "34.9", "252"], ["  night", "6.3", "40"]]


def test_the_table_in_plain_text():
    assert plain_table(ROWS) == (
        "domain     R@1  queries\n-----------------------\ncity_day  34.9      252\n  night    6.3       40"
    )


def test_the_table_of_a_terminal_has_the_same_cells(tty):
    tty.connect()
    terminal().print(rich_table(ROWS))
    shown = re.sub(r"\x1b\[[\d;?]*\w", "", tty.take())
    assert [line.split() for line in shown.splitlines() if any(map(str.isalnum, line))] == [row_cells(r) for r in ROWS]


@pytest.mark.parametrize(("columns", "rule"), [(26, "─"), (25, "-")])
def test_a_table_that_does_not_fit_is_plain(columns, rule, tty, monkeypatch):
    """It takes 9 + 5 + 7 characters, two between the columns, and a blank at its left and right."""
    monkeypatch.setattr(table, "recall_rows", lambda results: ROWS)
    monkeypatch.setenv("COLUMNS", str(columns))
    tty.connect()
    monkeypatch.setattr(sys, "stdout", tty.stream)
    print_table({})
    shown = tty.take()
    assert rule * 5 in shown
    assert "…" not in shown


def row_cells(row: list[str]) -> list[str]:
    return [cell.strip() for cell in row]


def test_a_pipe_gets_the_plain_table(capsys):
    print_table({})
    assert "\x1b" not in capsys.readouterr().out


def test_the_bars_of_a_run(mini_city, tmp_path, tty):
    """6 train queries of 4 images each an epoch, 18 images to describe."""
    tty.connect()
    typed = [key for key in TINY if "enable_progress_bar" not in key]
    work_of(tmp_path / "run", *typed, f"data.path={mini_city}")
    shown = re.sub(r"\x1b\[[\d;?]*\w", "", tty.take())
    for what in ("epochs", "epoch 0: training", "epoch 1: training", "mining", "batch-norm statistics"):
        assert f"{what} " in shown, what
    assert re.search(r"epoch 0: training *━+ 4/4 .*tuples/s 0:\d\d ETA 0:00 loss \d\.\d{4}", shown)
    assert len(re.findall(r"mini: describing *━+ 18/18 .*images/s", shown)) >= 3  # two validations and the test
    assert re.search(r"epochs *━+╸?━* 1/2 ", shown)
    assert progress._display.progress is None


@pytest.mark.slow
def test_a_quiet_run(mini_city, tmp_path):
    """Warnings and the table alone; the run's logs keep the rest, and debug.log the libraries' chatter too."""
    done = geoloc(tmp_path, *TINY, f"data.path={mini_city}", "trainer.max_epochs=1", "console=quiet", "name=hush")
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("warning: ") for line in done.stderr.splitlines()), done.stderr
    assert "miner.pool=1000, but the database has 12 images" in done.stderr
    assert " ".join(done.stdout.split()[:8]) == "domain R@1 R@5 R@10 R@20 queries answerable database"
    info, debug = ((only_run(tmp_path, "hush") / f"{name}.log").read_text() for name in ("info", "debug"))
    for said in (
        "python -m geoloc.run data=folder",
        "device   cpu",
        "epoch 0: mined",
        "epoch 0: trained on",
        "report: ",
    ):
        assert said in info, said
    for chatter in ("TPU available", "litlogger", "GPU available"):
        assert chatter not in info
        assert chatter not in done.stderr
    assert "TPU available" in debug
