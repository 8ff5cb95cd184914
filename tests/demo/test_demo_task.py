"""task=demo as it is typed: what is refused, and a page that is served, asked and ended."""

import json
import signal
import time
import urllib.request
from pathlib import Path

import pytest
from command_line import only_run, results_of, start
from in_process import job_of, work
from networks import small

from geoloc.checks import of_photos
from geoloc.demo.server import bind
from geoloc.errors import InputError
from geoloc.net import DescriptorNet
from geoloc.sweeps import of_sweep


def refused(folder, *typed):
    with pytest.raises(InputError) as error:
        job_of(folder, "task=demo", *typed)
    return error.value.problems


@pytest.fixture
def database(mini_city):
    return mini_city / "images" / "test" / "database"


def test_what_is_typed_wrongly(tmp_path, database):
    assert refused(tmp_path) == (f"database: must be given: {of_photos.SUCH['database']}",)
    assert refused(tmp_path, "database=nowhere") == ("database=nowhere: no such file or folder",)
    given = f"database={database}"
    assert refused(tmp_path, given, "queries=nowhere") == ("queries=nowhere: no such file or folder",)
    for key, value in (("port", 70_000), ("port", -1), ("max_mb", 0), ("max_mb", 5000), ("host", '""')):
        (line,) = refused(tmp_path, given, f"demo.{key}={value}")
        assert line.startswith(f"demo.{key}: ")
    (line,) = refused(tmp_path, given, "+demo.prot=1")
    assert line.startswith("demo.prot: no such key")


def test_a_missing_package_is_said_before_anything_else(tmp_path, database, monkeypatch):
    usual = of_photos.find_spec
    monkeypatch.setattr(of_photos, "find_spec", lambda name: None if name == "uvicorn" else usual(name))
    (line,) = refused(tmp_path, f"database={database}")
    assert line == "task=demo: needs uvicorn, not installed here: pip install 'geoloc[demo]'"


def test_it_is_no_job_of_a_sweep():
    found = of_sweep({"task": "demo", "trainer": {"devices": 1}}, None)
    assert found == ["task=demo: serves a page until it is ended, which is no job of a sweep; start it without -m"]


@pytest.fixture
def net(tmp_path):
    """A network with random weights, as a run leaves it."""
    folder = tmp_path / "net"
    folder.mkdir()
    DescriptorNet.from_spec(small("resnet18", "gem")).save(folder)
    return folder


def asked(address, data=None, **headers):
    request = urllib.request.Request(address, data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


def address_in(folder, job):
    """The address that a starting server prints into its log."""
    for _ in range(900):
        for log in Path(folder).glob("logs/default/*/info.log"):
            if "http://" in log.read_text():
                return log.read_text().partition("http://")[2].split()[0]
        assert job.poll() is None, job.communicate()[1]
        time.sleep(0.2)
    pytest.fail("no address")


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_page_is_served_until_it_is_ended(tmp_path, database, net, how):
    typed = ["task=demo", f"checkpoint={net}", f"database={database}", "demo.port=0", "trainer=cpu", "num_workers=0"]
    job = start(tmp_path, *typed)
    address = f"http://{address_in(tmp_path, job)}"
    assert b"12 photos of mini, described by ResNet with GeM (256 values each)" in asked(address)
    photo = sorted(database.iterdir())[3]
    answer = json.loads(asked(f"{address}api/locate", photo.read_bytes(), **{"Content-Type": "image/jpeg"}))
    assert answer["found"][0]["name"] == photo.name
    assert answer["found"][0]["distance"] == pytest.approx(0, abs=1e-3)
    answer = json.loads(asked(f"{address}api/example/0", b""))
    assert sorted(database.iterdir())[0].name not in [each["name"] for each in answer["found"]]
    assert len(answer["found"]) == 11
    job.send_signal(how)
    _, errors = job.communicate(timeout=30)
    assert job.returncode == 0, errors
    assert "Traceback" not in errors
    assert results_of(only_run(tmp_path))["status"] == "finished"
    assert (only_run(tmp_path) / "index").is_dir()  # the next demo page need describe nothing


def test_a_port_in_use_ends_it_before_anything_is_described(tmp_path, database, net):
    with bind("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"demo.port: {port} is in use by another program"):
            work(tmp_path / "run", "task=demo", f"checkpoint={net}", f"database={database}", f"demo.port={port}")
    assert list((tmp_path / "run").iterdir()) == []


def test_what_has_no_effect_is_refused(tmp_path, database, net):
    typed = ["task=demo", f"checkpoint={net}", f"database={database}", "optimizer=sgd", "patience=5"]
    with pytest.raises(InputError) as error:
        work(tmp_path / "run", *typed)
    assert [line.partition(":")[0] for line in error.value.problems] == ["optimizer", "patience"]


def test_a_photo_alone_is_no_sequence(tmp_path, database, net):
    typed = ["task=demo", f"checkpoint={net}", f"database={database}", "postprocess=[sequence]"]
    with pytest.raises(
        InputError, match="postprocess: sequence has no effect on task=demo, where each photo comes alone"
    ):
        work(tmp_path / "run", *typed)
