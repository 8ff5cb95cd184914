"""What a comparison tells in tables: conditions, LaTeX, and what differs in the config."""

import json
import re
import shutil
import subprocess

import pytest
from finished import AFTER, BEFORE, write_run
from in_process import work

from geoloc.errors import InputError
from geoloc.report.compare.answers import read_answers
from geoloc.report.compare.runs import Run
from geoloc.report.compare.settings import differing, flat, notes, read_config, read_typed
from geoloc.report.escape import escaped
from geoloc.tasks.compare import _names

DAY = {f"q{number}": "day" for number in range(4)} | {f"q{number}": "night" for number in range(4, 7)}


def compare(folder, *runs, typed=()):
    return work(folder, "task=compare", f"runs=[{','.join(map(str, runs))}]", *typed)


def said(out):
    return json.loads((out / "compare.json").read_text())["runs"]


def test_conditions_by_hand(tmp_path, capsys):
    a = write_run(tmp_path / "a", {"both": BEFORE}, conditions=DAY)
    b = write_run(tmp_path / "b", {"both": AFTER}, conditions=DAY)
    out = compare(tmp_path / "out", a, b)
    slices = said(out)[0]["domains"]["both"]["slices"]
    assert list(slices) == ["day", "night", "unknown"]
    # By day q0 stays, q1 becomes wrong at 1 and q2 right; by night q5 and q6 become right; q7 stays.
    assert {
        condition: [own["1"][key] for key in ("before", "after", "helped", "hurt", "p", "queries")]
        for condition, own in slices.items()
    } == {
        "day": [50.0, 50.0, 25.0, 25.0, 1.0, 4],
        "night": [0.0, pytest.approx(200 / 3), pytest.approx(200 / 3), 0.0, 0.5, 3],
        "unknown": [100.0, 100.0, 0.0, 0.0, 1.0, 1],
    }
    # Six tests, all of conditions: the least p is 0.5.
    assert {row["p_holm"] for own in slices.values() for row in own.values()} == {1.0}
    row = "both, night | 1 | 0.0 | 66.7 | +66.7 [0.0, +100.0] | 66.7 | 0.0 | 0.5000 | 1.0000 |"
    assert row in (out / "compare.md").read_text()
    assert "both, night 1 0.0 66.7" in re.sub(" +", " ", capsys.readouterr().out)
    assert (
        r"\quad night & 1 & 0.0 & 66.7 & $+66.7$ [0.0, $+100.0$] & 66.7 & 0.0 & 0.5000 & 1.0000 \\"
        in (out / "compare.tex").read_text()
    )


def test_conditions_that_differ_are_not_compared(tmp_path):
    a = write_run(tmp_path / "a", {"both": BEFORE}, conditions=DAY)
    b = write_run(tmp_path / "b", {"both": AFTER}, conditions=DAY | {"q0": "night", "q7": "day"})
    (run,) = said(compare(tmp_path / "out", a, b))
    assert run["domains"]["both"]["slices"] == {}
    (line,) = run["left_out"]
    assert line.startswith("both: its conditions are not compared: 2 queries have another one in ")


def table_of(text):
    """Cells of the lines between the rules."""
    body = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
    lines = [line for line in body.splitlines() if not line.endswith("rule")]
    assert all(line.endswith(r" \\") for line in lines)
    return [re.split(r" (?<!\\)& ", line.removesuffix(r" \\")) for line in lines]


def sound(text):
    """Braces and environments are closed, cells fit the columns, and nothing special stands bare."""
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    begun, ended = (re.findall(rf"\\{word}{{(\w+)}}", text) for word in ("begin", "end"))
    assert begun == ["table", "tabular"] == ended[::-1]
    columns = re.search(r"\\begin{tabular}{([lr]+)}", text)[1]
    assert {len(cells) for cells in table_of(text)} == {len(columns)}
    assert not re.search(r"(?<!\\)[#]", text)
    assert "_" not in re.sub(r"\\_", "", text)


def compiled(text, folder):
    """With nothing but booktabs."""
    program = shutil.which("pdflatex")
    if program:
        document = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}%s\\end{document}"
        (folder / "paper.tex").write_text(document.replace("%s", "\n" + text + "\n"))
        done = subprocess.run([program, "-halt-on-error", "paper.tex"], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


MANY = {f"q{number}": 0 for number in range(20)}


def test_latex_of_two(tmp_path):
    a = write_run(tmp_path / "r_1" / "50%a", {"da_y": MANY, "night": BEFORE})
    b = write_run(tmp_path / "r_1" / "b", {"da_y": dict.fromkeys(MANY, 1), "night": AFTER})
    out = compare(tmp_path / "out", a, b)
    text = (out / "compare.tex").read_text()
    sound(text)
    compiled(text, tmp_path)
    head, one, _, night, _ = table_of(text)
    assert head[:2] == ["Domain", "$N$"]
    # All 20 became right: p = 2 / 2^20, times 4; every sample of the bootstrap says 100.
    p = ["$<$0.0001", "$<$0.0001"]
    assert one == [r"da\_y", "1", "0.0", "100.0", "$+100.0$ [$+100.0$, $+100.0$]$^{***}$", "100.0", "0.0", *p]
    assert night[:4] == ["night", "1", "37.5", "62.5"]
    assert night[5:] == ["37.5", "12.5", "0.6250", "1.0000"]
    assert r"of r\_1/b against r\_1/50\%a" in text
    assert r"$^{*}$\,$p<0.05$" in text
    assert "dagger" not in text
    # The same numbers as in Markdown.
    cells = [re.sub(r"\$|\^\{\*+\}|\\", "", " ".join(row)) for row in table_of(text)[1:]]
    lines = [
        line for line in (out / "compare.md").read_text().splitlines() if re.match(r"\| (da_y|night) \| \d \|", line)
    ]
    numbers = [re.findall(r"[-+<]?\d+\.\d+", cell) for cell in cells]
    assert numbers == [re.findall(r"[-+<]?\d+\.\d+", line) for line in lines]


def test_latex_of_several(tmp_path):
    runs = [
        write_run(tmp_path / "r" / "a", {"day": MANY, "night": BEFORE}),
        write_run(tmp_path / "r" / "b", {"day": dict.fromkeys(MANY, 1)}),
        write_run(tmp_path / "r" / "c", {"day": MANY, "night": BEFORE}, ns=(1,), prints={"night": "x"}),
    ]
    text = (compare(tmp_path / "out", *runs, typed=["other_protocols=true"]) / "compare.tex").read_text()
    sound(text)
    compiled(text, tmp_path)
    assert table_of(text) == [
        ["Domain", "$N$", "r/a", "r/b", "r/c"],
        ["day", "1", "0.0", "$+100.0$ [$+100.0$, $+100.0$]$^{***}$", "0.0 [0.0, 0.0]"],
        ["", "5", "0.0", "$+100.0$ [$+100.0$, $+100.0$]$^{***}$", "--"],
        ["night", "1", "37.5", "--", r"0.0 [0.0, 0.0]$^{\dagger}$"],
    ]
    assert r"$^{\dagger}$\,Judged under another protocol or on other photos." in text


def test_what_latex_would_take_otherwise():
    assert escaped("[*]a_b & 5 % of $3 #{x} ~^\\ <|>") == (
        r"{[}{*}]a\_b \& 5 \% of \$3 \#\{x\} \textasciitilde{}\textasciicircum{}\textbackslash{}"
        r" \textless{}\textbar{}\textgreater{}"
    )


CONFIG = {
    "task": "train",
    "name": "one",
    "checkpoint": None,
    "lr": {"adam": 1e-5, "sgd": 1e-3},
    "lr_scale": 2.0,
    "optimizer": {"_target_": "Adam", "lr": "${times:${lr.adam},${lr_scale}}"},
    "backbone": {"_target_": "ResNet", "weights": "${pretrained}"},
    "pretrained": "imagenet",
    "block": None,
    "recall_values": [1, 5],
    "paths": {"datasets": "${oc.env:FOLDER,datasets}"},
    "data": {"path": "${paths.datasets}/city"},
    "round": "${round}",
}


def test_references_are_resolved():
    assert flat(CONFIG) == {
        "task": "train",
        "name": "one",
        "checkpoint": "null",
        "lr.adam": "1e-05",
        "lr.sgd": "0.001",
        "lr_scale": "2.0",
        "optimizer._target_": "Adam",
        "optimizer.lr": "2e-05",
        "backbone._target_": "ResNet",
        "backbone.weights": "imagenet",
        "pretrained": "imagenet",
        "block": "null",
        "recall_values": "[1, 5]",
        "paths.datasets": "${oc.env:FOLDER,datasets}",
        "data.path": "${oc.env:FOLDER,datasets}/city",
        "round": "${round}",  # an endless one stays
    }


def opened(folder):
    content = json.loads((folder / "results.json").read_text())
    return Run(folder.name, folder, content, read_config(folder), read_typed(folder))


def runs_with(tmp_path, *changes, typed=()):
    return [
        opened(write_run(tmp_path / name, {"day": BEFORE}, config=CONFIG | change, typed=typed))
        for name, change in zip("abc", ({}, *changes), strict=False)
    ]


def test_keys_that_differ(tmp_path):
    sgd = {"_target_": "SGD", "lr": "${times:${lr.sgd},${lr_scale}}", "momentum": 0.9}
    runs = runs_with(tmp_path, {"optimizer": sgd, "block": {"_target_": "NonLocal"}}, {})
    assert differing(runs) == {
        "keys of the config": {
            "optimizer._target_": ("Adam", "SGD", "Adam"),
            "optimizer.lr": ("2e-05", "0.002", "2e-05"),
            "block": ("null", "", "null"),
            "optimizer.momentum": ("", "0.9", ""),
            "block._target_": ("", "NonLocal", ""),
        }
    }
    assert notes(runs) == []


def test_keys_without_effect_are_no_difference(tmp_path):
    """Defaults beside a checkpoint, or of training in a test, say nothing about what was run."""
    judged = CONFIG | {"task": "test", "checkpoint": "x.ckpt", "backbone": {"_target_": "VGG"}, "optimizer": {}}
    searched = CONFIG | {"task": "search", "run": "a", "recall_values": [1], "data": {"path": "x"}}
    one, other = runs_with(tmp_path, judged)
    assert list(differing([one, other])["keys of the config"]) == ["task", "checkpoint"]
    assert notes([one, other]) == [
        "Keys that have no effect on a run are not compared there (b: task=test with a checkpoint)"
    ]
    third = opened(write_run(tmp_path / "c", {"day": BEFORE}, config=searched))
    assert differing([one, third])["keys of the config"] == {
        "task": ("train", "search"),
        "recall_values": ("[1, 5]", "[1]"),
        "run": ("", "a"),
    }
    # Two runs still differ in what has no effect on a third.
    fourth = opened(write_run(tmp_path / "d", {"day": BEFORE}, config=CONFIG | {"pretrained": "places"}))
    assert differing([one, third, fourth])["keys of the config"] == {
        "task": ("train", "search", "train"),
        "backbone.weights": ("imagenet", "no effect", "places"),
        "pretrained": ("imagenet", "no effect", "places"),
        "recall_values": ("[1, 5]", "[1]", "[1, 5]"),
        "run": ("", "a", ""),
    }


def test_typed_and_environment(tmp_path):
    around = {"python": "3.11.2", "packages": {"torch": "2.1", "timm": "1.0"}, "git": "abc", "device": "cpu", "seed": 0}
    other = around | {"packages": {"torch": "2.2", "timm": "1.0", "faiss": "1"}, "device": "H100"}
    one = write_run(tmp_path / "a", {"day": BEFORE}, config=CONFIG, typed=["aug=night", "name=x"], environment=around)
    two = write_run(tmp_path / "b", {"day": BEFORE}, config=CONFIG, typed=["name=x", "~block"], environment=other)
    out = compare(tmp_path / "out", one, two)
    assert said(out)[0]["settings"] == {
        "what was typed": {"aug": {"before": "night", "after": ""}},
        "environment": {
            "device": {"before": "cpu", "after": "H100"},
            "torch": {"before": "2.1", "after": "2.2"},
            "faiss": {"before": "", "after": "1"},
        },
    }
    assert "Nothing else differs in the config." in (out / "compare.md").read_text()


def test_a_config_that_is_gone_is_told(tmp_path):
    one, two = write_run(tmp_path / "a", {"day": BEFORE}, config=CONFIG), write_run(tmp_path / "b", {"day": AFTER})
    (two / ".hydra").mkdir()
    (two / ".hydra" / "config.yaml").write_text("a: [")
    assert notes([opened(one), opened(two)]) == ["Keys are not compared: b has no .hydra/config.yaml that can be read"]
    assert differing([opened(one), opened(two)]) == {}
    text = (compare(tmp_path / "out", one, two) / "compare.md").read_text()
    assert "- Keys are not compared: " in text
    assert "Nothing else differs" not in text  # which nobody knows


def test_frames_are_told_where_metres_stand_for_frames(tmp_path):
    judged = {"line": {"protocol": {"frames": 2, "metres_per_frame": 10.0}}}
    one = write_run(tmp_path / "a", {"line": BEFORE}, judged=judged)
    two = write_run(tmp_path / "b", {"line": AFTER}, judged=judged)
    out = compare(tmp_path / "out", one, two)
    # First predictions before: 3 of 8 right, at 5 m, and the others at 100 m; after: 5 of 8 right.
    assert "| line | 10 frames | 0.5 frames |" in (out / "compare.md").read_text()
    page = (out / "compare.html").read_text()
    assert "✗ 10 frames" in page
    assert "100 m" not in page
    (run,) = said(out)
    assert run["domains"]["line"]["median_first_m"] == {"before": 100.0, "after": 5.0}


def test_names_are_as_short_as_they_can_be(tmp_path):
    time, later = "2026-01-02_03-04-05", "2026-01-02_03-05-00"
    gem, mac, again = (tmp_path / part for part in (f"gem/{time}", f"mac/{time}", f"gem/{later}"))
    assert _names([gem, mac]) == ["gem", "mac"]
    assert _names([gem, mac, again]) == [f"gem/{time}", "mac", f"gem/{later}"]
    assert _names([tmp_path / "x" / "a", tmp_path / "y" / "x" / "a"]) == [f"{tmp_path}/x/a", f"{tmp_path}/y/x/a"]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("q,1,d,0.5,far,0,", "line 2: meters must be a number, not 'far'"),
        ("q,2,d,0.5,1,0,", "line 2: prediction 1 of its query is missing"),
        ("q,9,d,0.5,1,0,", "q has no first prediction"),
    ],
)
def test_predictions_that_say_nothing(tmp_path, line, what):
    path = tmp_path / "day.csv"
    path.write_text(f"query,rank,database,distance,meters,correct,condition\n{line}\n")
    with pytest.raises(InputError) as error:
        read_answers(path)
    assert list(error.value.problems) == [f"{path}: {what}"]
