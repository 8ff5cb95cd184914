from dataclasses import replace

from geoloc.evaluate.before_after import Change
from geoloc.report.changes import HEAD, change_cells, console_table, piped

BETTER = Change(before=30, after=70, difference=40, ci95=(0.04, 80), helped=50, hurt=10, p=14 / 64, queries=10)
WORSE = Change(before=81.26, after=78.1, difference=-3.16, ci95=(-5, -0.04), helped=1.24, hurt=4.4, p=3e-9, queries=250)
DOMAINS = {"tokyo": {1: BETTER, 5: replace(BETTER, p=1.0)}, "a|b": {20: WORSE}}


def test_console():
    assert console_table(DOMAINS).splitlines() == [
        "domain   N  before  after  difference [low, high]  helped  hurt        p",
        "------------------------------------------------------------------------",
        "tokyo    1    30.0   70.0      +40.0 [0.0, +80.0]    50.0  10.0   0.2188",
        "         5    30.0   70.0      +40.0 [0.0, +80.0]    50.0  10.0   1.0000",
        "a|b     20    81.3   78.1        -3.2 [-5.0, 0.0]     1.2   4.4  <0.0001",
    ]


def test_markdown():
    rows = [[name, *change_cells(n, change)] for name, found in DOMAINS.items() for n, change in found.items()]
    assert piped([HEAD, *rows], "---:") == (
        "| domain | N | before | after | difference [low, high] | helped | hurt | p |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| tokyo | 1 | 30.0 | 70.0 | +40.0 [0.0, +80.0] | 50.0 | 10.0 | 0.2188 |\n"
        "| tokyo | 5 | 30.0 | 70.0 | +40.0 [0.0, +80.0] | 50.0 | 10.0 | 1.0000 |\n"
        "| a\\|b | 20 | 81.3 | 78.1 | -3.2 [-5.0, 0.0] | 1.2 | 4.4 | <0.0001 |\n"
    )


def test_no_domain_is_a_bare_head():
    assert len(console_table({}).splitlines()) == 2
    assert piped([HEAD]).count("\n") == 2
