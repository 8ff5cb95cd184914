import csv
import json

import numpy as np
import pytest
import yaml
from mini import write_side
from PIL import Image

from geoloc.data.domains import folder
from geoloc.errors import InputError
from geoloc.predictions import Predictions
from geoloc.report.figures import QUERY, RIGHT, WRONG, strip
from geoloc.report.page import write_page
from geoloc.report.predictions import read_predictions, write_predictions
from geoloc.report.sweep.leaderboard import write_leaderboard


def test_predictions_by_hand(mini_city, tmp_path):
    domain = folder(mini_city)
    ids = np.array([[0, 11], *[[row, 0] for row in range(1, 6)]])
    found = Predictions(ids, np.full(ids.shape, 0.5, np.float32), 12)
    correct = np.zeros(ids.shape, bool)
    correct[0, 0] = True
    write_predictions(tmp_path / "deep" / "p.csv", domain, found, correct)
    with (tmp_path / "deep" / "p.csv").open() as file:
        rows = list(csv.DictReader(file))
    # Query 0 stands 2 m east of database image 0, and 502 m west of image 11 (5 x 100 + 4 - 2).
    assert rows[0] == {
        "query": domain.queries.names[0],
        "rank": "1",
        "database": domain.database.names[0],
        "distance": "0.500000",
        "meters": "2.00",
        "correct": "1",
        "condition": "",
    }
    assert (rows[1]["rank"], rows[1]["meters"], rows[1]["correct"]) == ("2", "502.00", "0")
    assert len(rows) == 12


def test_predictions_are_read_as_they_were_written(mini_city, tmp_path):
    domain = folder(mini_city)
    ids = np.array([[row, 11 - row, (row + 6) % 12] for row in range(6)])
    distances = np.arange(18, dtype=np.float32).reshape(6, 3) / 64  # exact with six decimals
    write_predictions(tmp_path / "p.csv", domain, Predictions(ids, distances, 12), np.zeros(ids.shape, bool))
    read = read_predictions(tmp_path / "p.csv", domain)
    assert (read.ids == ids).all()
    assert (read.distances == distances).all()
    assert read.database_size == 12


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("database", "base", "has no columns query, rank, database, distance"),
        ("\n{query},2,", "\n{query},3,", "line 3 does not belong to the photos of mini"),
        ("\n{query},1,", "\nelsewhere.jpg,1,", "line 2 does not belong to the photos of mini"),
        ("\n{query},2,{database},", "\n{query},2,elsewhere.jpg,", "line 3 does not belong to the photos of mini"),
    ],
)
def test_predictions_of_other_photos_are_refused(mini_city, tmp_path, old, new, said):
    domain, path = folder(mini_city), tmp_path / "p.csv"
    ids = np.array([[row, 11 - row] for row in range(6)])
    write_predictions(path, domain, Predictions(ids, np.zeros(ids.shape, np.float32), 12), np.zeros(ids.shape, bool))
    names = {"query": domain.queries.names[0], "database": domain.database.names[11]}
    text = path.read_text()
    assert old.format(**names) in text
    path.write_text(text.replace(old.format(**names), new.format(**names), 1))
    with pytest.raises(InputError, match=f"p.csv: {said}"):
        read_predictions(path, domain)


def test_predictions_must_be_equally_many(mini_city, tmp_path):
    domain, path = folder(mini_city), tmp_path / "p.csv"
    with pytest.raises(InputError, match="no such file; a run that has judged mini holds it"):
        read_predictions(path, domain)
    ids = np.array([[row, 11 - row] for row in range(6)])
    write_predictions(path, domain, Predictions(ids, np.zeros(ids.shape, np.float32), 12), np.zeros(ids.shape, bool))
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(InputError, match="must hold equally many predictions for each of the 6 queries"):
        read_predictions(path, domain)


def test_frames_of_a_strip(tmp_path):
    query, *found = write_side(tmp_path, [500_000, 500_100, 500_200])
    row = strip(query, found, [True, False], tile=(40, 30), gap=2)
    assert row.size == (3 * 40 + 2 * 4, 30)
    assert [row.getpixel((x, 0)) for x in (0, 46, 88)] == [QUERY, RIGHT, WRONG]


def test_pictures_of_odd_files_are_drawn(tmp_path):
    """Field fault A5: whatever can be trained on can be drawn."""
    paths = []
    for mode in ("L", "LA", "RGBA", "P"):
        paths.append(tmp_path / f"{mode}.png")
        Image.new(mode, (9, 5)).save(paths[-1])
    assert strip(paths[0], paths[1:], [True] * 3).mode == "RGB"


def write_job(folder, overrides, status, r1=None):
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(overrides))
    domains = {} if r1 is None else {"day": {"recalls": {"1": r1}}}
    (folder / "results.json").write_text(json.dumps({"status": status, "domains": domains}))


def test_leaderboard_is_sorted_and_tells_failures(tmp_path):
    write_job(tmp_path / "0", ["optimizer=sgd", "data.path=a=b", "seed=1"], "finished", 40.0)
    write_job(tmp_path / "1", ["optimizer=adam", "data.path=a=b", "seed=1"], "failed")
    write_job(tmp_path / "2", ["optimizer=adamw", "data.path=c", "seed=1"], "finished", 60.0)
    (tmp_path / "3").mkdir()  # a job that has not begun
    with write_leaderboard(tmp_path).open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["job"], row["status"], row["day/R1"]) for row in rows] == [
        ("2", "finished", "60.00"),
        ("0", "finished", "40.00"),
        ("1", "failed", ""),
    ]
    assert rows[1]["data.path"] == "a=b"
    assert list(rows[0]) == ["job", "status", "optimizer", "data.path", "day/R1"]  # seed is the same in all


def test_the_page_escapes_names_and_tells_of_unanswerable_queries(tmp_path, mini_city):
    domain = folder(mini_city)
    ids = np.arange(12)[None].repeat(6, axis=0)
    found = Predictions(ids, np.zeros(ids.shape, np.float32), 12)
    write_predictions(tmp_path / "predictions" / "mini.csv", domain, found, np.zeros(ids.shape, bool))
    facts = {
        "recalls": {"1": 37.5},
        "recalls_answerable": {"1": 75.0},
        "ci95": {"1": [0, 40]},
        "queries": 6,
        "answerable": 3,
        "database": 12,
        "radius_m": 25,
        "folders": {"database": str(domain.database.root), "queries": str(domain.queries.root)},
    }
    node = {"_target_": "a.B"}
    model = {"backbone": node, "aggregator": node, "parameters": 1, "flops": 1, "size_mb": 1, "descriptor_dim": 1}
    results = {
        "task": "test",
        "status": "finished",
        "domains": {"mini": facts},
        "model": {**model, "image_size": [1, 2], "weights": "none"},
        "warnings": ["<script>alert(1)</script>"],
        "seconds": {"test": 1.0},
        "environment": {"seed": 0, "device": "cpu", "command": "x", "packages": {}, "git": None},
    }
    (tmp_path / "results.json").write_text(json.dumps(results))
    page = write_page(tmp_path).read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "of the answerable</td><td>75.0</td>" in page
    assert page.count("data:image/jpeg;base64,") == 6 + 5  # each query, and the five that are found for all
