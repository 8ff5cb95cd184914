"""The application: what it answers, and what it refuses."""

import io
import json
import logging
import os
import pickle
import sys
import zlib
from pathlib import Path

import anyio
import numpy as np
import pytest
import utm
from fake_locator import FakeLocator
from fastapi.testclient import TestClient
from PIL import Image

from geoloc.demo import uploads
from geoloc.demo.about import about
from geoloc.demo.app import Example, make_app

MOST = 300_000
HEADERS = {"Content-Type": "image/jpeg"}


def client_of(locator, host="127.0.0.1", base="http://127.0.0.1:8000", **more):
    examples = [Example(locator.index.paths[row], row) for row in (0, 7)]
    app = make_app(locator, about(locator, "my_city", True), examples, most=MOST, host=host, **more)
    return TestClient(app, base_url=base)


@pytest.fixture
def client(locator):
    return client_of(locator)


def encoded(image, kind="JPEG", **more):
    content = io.BytesIO()
    image.save(content, kind, **more)
    return content.getvalue()


def ask(client, data, **headers):
    return client.post("/api/locate", content=data, headers=HEADERS | headers)


def refused(answer, status, *words):
    """A refusal says why, in one sentence."""
    said = answer.json()["error"]
    assert answer.status_code == status, said
    assert all(word in said for word in words), said
    assert "\n" not in said
    return True


def test_a_photo_of_the_database_is_found(client, city, locator):
    answer = ask(client, city[5].read_bytes()).json()
    found = answer["found"]
    assert [each["row"] for each in found[:2]] == [5, 4]
    assert found[0]["distance"] == 0
    assert [each["metres"] for each in found[:2]] == [0, 4]
    assert [each["near"] for each in found] == [True, True, False, False, False]
    assert answer["place"] == [0, 204, 0] == found[0]["place"]  # metres from the south-western corner of the city
    lat, lon = utm.to_latlon(500_204, 4_000_000, 17, northern=True)
    assert answer["where"] == f"{lat:.6f}, {lon:.6f}"
    assert f"mlat={lat:.6f}&mlon={lon:.6f}" in answer["osm"]
    assert answer["utm"] == "UTM 17 north 500204.0 E, 4000000.0 N"
    assert dict(answer["facts"])["photos found within 25 m"] == "2 of 5"
    assert (answer["confidence"], answer["truth"], answer["verdict"]) == (None, None, "uncalibrated")


def test_an_example_of_the_database_is_left_out_of_its_own_search(client):
    answer = client.post("/api/example/1").json()
    assert [each["row"] for each in answer["found"]][:1] == [6]
    assert 7 not in [each["row"] for each in answer["found"]]
    assert answer["truth"] == [0, 304, 0]
    assert answer["place"] == [0, 300, 0]
    assert dict(answer["facts"])["off from where it was taken"] == "4.0 m"
    assert refused(client.post("/api/example/2"), 404, "example 2")


@pytest.mark.parametrize(
    ("threshold", "verdict", "said", "words"),
    [
        (0.2, "known", "Found", ["above the threshold for 90 % precision"]),
        (0.8, "unsure", "I don't know", ["best guess", "below the threshold for 90 % precision"]),
        (None, "unsure", "I don't know", ["no confidence is high enough for 90 % precision"]),
    ],
)
def test_it_says_how_sure_it_is(city, locator, threshold, verdict, said, words):
    client = client_of(locator.calibrate(threshold))
    answer = ask(client, city[5].read_bytes()).json()
    assert (answer["verdict"], answer["said"], answer["threshold"]) == (verdict, said, threshold)
    assert answer["confidence"] == 0.4  # 2 of 5 candidates
    assert answer["expected_error"] == pytest.approx(11)
    assert all(word in answer["why"] for word in words)
    assert "within 25 m, on the labelled photos of val_city" in answer["limit"]
    assert ("From 20 % on, at least 90 %" in answer["limit"]) == (threshold == 0.2)
    assert dict(answer["facts"])["half of such answers within"] == "11 m"


def test_the_top_of_the_page_says_what_is_loaded(locator):
    page = client_of(locator).get("/").text
    assert "12 photos of my_city, described by ResNet with GeM (192 values each)." in page
    assert "Not calibrated" in page
    page = client_of(locator.calibrate(0.5)).get("/").text
    assert "Confidences are calibrated on 120 labelled photos of val_city: an answer within 25 m is right." in page


def test_positions_without_a_zone_have_no_link(city):
    xy = np.arange(24.0).reshape(12, 2)
    answer = ask(client_of(FakeLocator(city, xy, zone="")), city[0].read_bytes()).json()
    assert (answer["where"], answer["osm"], answer["utm"]) == ("0.0, 1.0", None, "metres in the frame of the database")


@pytest.mark.parametrize(("orientation", "turn"), [(6, "ROTATE_90"), (8, "ROTATE_270"), (3, "ROTATE_180")])
def test_a_turned_photo_gives_the_answer_of_the_upright_one(client, city, locator, orientation, turn):
    upright = Image.open(city[3]).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = encoded(upright.transpose(Image.Transpose[turn]), "PNG", exif=exif)
    answers = [ask(client, data).json() for data in (encoded(upright, "PNG"), turned)]
    assert answers[0]["found"] == answers[1]["found"]
    np.testing.assert_array_equal(locator.asked[-1], np.asarray(upright))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_formats_that_are_read(client, city, kind):
    assert ask(client, encoded(Image.open(city[2]), kind)).json()["found"][0]["row"] == 2


def test_what_is_no_photo_is_refused(client, city, locator):
    photo = Image.open(city[0])
    whole = city[0].read_bytes()
    assert refused(ask(client, b"hello, I am called photo.jpg" * 99), 415, "not a photo", "JPEG, PNG, WebP or BMP")
    assert refused(ask(client, pickle.dumps({"a": photo.size})), 415, "not a photo")
    assert refused(ask(client, encoded(photo, "GIF")), 415, "not a photo")
    assert refused(ask(client, encoded(photo, "TIFF")), 415, "not a photo")
    assert refused(ask(client, b"<svg xmlns='http://www.w3.org/2000/svg'/>"), 415, "not a photo")
    assert refused(ask(client, b""), 400, "empty")
    assert refused(ask(client, whole[: len(whole) // 2]), 400, "damaged")
    assert refused(ask(client, whole[:-2000]), 400, "damaged")
    assert refused(client.post("/api/locate", files={"file": whole}), 415, "Content-Type: image/jpeg")
    assert refused(client.post("/api/locate", content=whole, headers={"Content-Type": "text/plain"}), 415)
    assert locator.asked == []


def sent(locator, receive, *more):
    """What the application sends where a photo comes as `receive` says; at the level of ASGI."""
    said = []

    async def send(message):
        said.append(message)

    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"image/jpeg"), *more]
    scope = {"type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "path": "/api/locate"}
    scope |= {"raw_path": b"/api/locate", "query_string": b"", "headers": headers, "server": ("127.0.0.1", 8000)}
    anyio.run(client_of(locator).app, scope, receive, send)
    return said


def test_a_photo_that_says_it_is_too_large_is_not_read(locator):
    async def receive():
        pytest.fail("the body was asked for")

    start, body = sent(locator, receive, (b"content-length", b"%d" % (MOST + 1)))
    assert start["status"] == 413
    assert (b"connection", b"close") in start["headers"]
    assert "at most 0.3 MB" in json.loads(body["body"])["error"]


def test_a_photo_that_does_not_say_its_size_is_read_no_further_than_allowed(locator):
    read = []

    async def receive():
        read.append(1)
        return {"type": "http.request", "body": bytes(100_000), "more_body": True}

    assert sent(locator, receive, (b"transfer-encoding", b"chunked"))[0]["status"] == 413
    assert len(read) == 4  # three fit into 300,000 bytes


def test_a_photo_that_does_not_arrive_is_not_waited_for(locator, monkeypatch):
    monkeypatch.setattr(uploads, "SECONDS", 0.05)

    async def receive():
        await anyio.sleep(5)

    assert sent(locator, receive)[0]["status"] == 408


def test_a_client_that_goes_away_leaves_nothing_behind(locator, caplog):
    async def receive():
        return {"type": "http.disconnect"}

    sent(locator, receive)
    assert caplog.text == ""
    assert locator.asked == []


def bomb(width, height):
    """A PNG of so many white pixels in a few kilobytes."""

    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([1, 0, 0, 0, 0])
    rows = zlib.compress((b"\0" + b"\xff" * ((width + 7) // 8)) * height, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8001, 20_000])  # above the limit here, and above that of Pillow
def test_a_bomb_is_refused_before_it_is_decoded(client, locator, monkeypatch, side):
    monkeypatch.setattr(uploads, "upright", lambda image: pytest.fail("it was decoded"))
    assert refused(ask(client, bomb(side, side)), 413, "too many pixels", "64 million")
    assert locator.asked == []


def test_as_many_pixels_as_a_phone_has_are_read(client, locator):
    assert ask(client, bomb(8000, 6000)).status_code == 200
    assert locator.asked[-1].shape == (6000, 8000, 3)


def test_nothing_of_a_photo_is_written_or_logged(client, city, caplog, writing, tmp_path):
    caplog.set_level(logging.DEBUG)
    large = encoded(Image.open(city[0]).resize((300, 300)), "BMP")  # 270 kB
    assert ask(client, large, **{"X-File-Name": "secret.jpg"}).status_code == 200
    assert ask(client, b"no photo", **{"X-File-Name": "secret.jpg"}).status_code == 415
    assert writing == []
    assert "secret" not in caplog.text
    (tmp_path / "a.txt").write_text("this would have been heard")
    assert writing == [str(tmp_path / "a.txt")]


@pytest.fixture
def writing():
    """Files that are opened to be written meanwhile."""
    opened, on = [], [True]

    def heard(event, arguments):
        if on[0] and event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            opened.append(arguments[0])

    sys.addaudithook(heard)
    yield opened
    on[0] = False


@pytest.mark.parametrize(
    "path",
    [
        *("/api/photo/..%2f..%2fetc%2fpasswd", "/api/photo/%2e%2e/0", "/api/photo/-1", "/api/photo/12"),
        *("/api/photo/1e3", "/api/photo/" + "9" * 40, "/api/photo/0?size=../x", "/api/photo/0.jpg"),
        *("/api/example/2", "/api/example/-1", "/static/..%2fapp.py", "/static/../app.py", "/static/index.html"),
        *("/static/%2fetc%2fpasswd", "/docs", "/openapi.json", "/redoc", "/nothing"),
    ],
)
def test_nothing_but_rows_and_files_of_the_page_is_given(client, path):
    answer = client.get(path)
    assert answer.status_code in (404, 422)
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8000", "", "[::1", "localhost.evil"]
)
def test_foreign_names_are_refused(client, locator, city, host):
    assert refused(client.get("/", headers={"Host": host}), 403, "name")
    assert refused(ask(client, city[0].read_bytes(), Host=host), 403)
    assert locator.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000"])
def test_own_names_are_answered(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 200


def test_an_open_page_answers_to_addresses_and_to_the_name_of_the_machine(locator, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "robot")
    client = client_of(locator, host="0.0.0.0")
    for host, status in (("10.1.2.3:8000", 200), ("robot:8000", 200), ("evil.example", 403), ("[fe80::1]:8000", 200)):
        assert client.get("/", headers={"Host": host}).status_code == status, host
    assert client_of(locator).get("/", headers={"Host": "10.1.2.3"}).status_code == 403


def test_pages_of_others_cannot_ask(client, city, locator):
    data = city[0].read_bytes()
    for origin in ("http://evil.example", "null", "http://127.0.0.1:9999"):
        assert refused(ask(client, data, Origin=origin), 403, "itself alone")
        assert client.post("/api/example/0", headers={"Origin": origin}).status_code == 403
    assert locator.asked == []
    assert ask(client, data, Origin="http://127.0.0.1:8000").status_code == 200
    preflight = client.options("/api/locate", headers={"Origin": "http://127.0.0.1:8000"})
    assert not [name for name in preflight.headers if name.startswith("access-control")]


def test_every_answer_forbids_what_the_page_does_not_need(client):
    for answer in (client.get("/"), client.get("/nothing"), client.get("/", headers={"Host": "evil"})):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    page = client.get("/").text
    assert " style=" not in page
    assert " on" not in "".join(part for part in page.split("<")[1:] if "=" in part and " onclick" in part)
    assert "<script>" not in page


def test_the_map_and_the_pictures(client):
    base = client.get("/api/map").json()
    assert base["areas"] == ["1 (12 photos)"]
    assert sorted(base["cloud"]) == [[0, 100 * place + side, 0] for place in range(6) for side in (0, 4)]
    assert (base["distinct"], base["north"]) == (12, True)
    picture = client.get("/api/photo/11")
    assert picture.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(picture.content)).size == (128, 96)


def test_a_failure_is_said_in_a_sentence_and_logged(client, city, locator, monkeypatch, caplog):
    def fail(*_, **__):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(locator, "locate", fail)
    answer = ask(client, city[0].read_bytes())
    assert refused(answer, 500, "the log of the server")
    assert "out of memory" not in answer.text
    assert "RuntimeError: out of memory" in caplog.text


def test_photos_of_iphones_are_read_where_the_extra_is_installed(client, locator, monkeypatch):
    pytest.importorskip("pi_heif")
    phone = (Path(__file__).parents[1] / "data" / "prepare" / "red.heic").read_bytes()
    assert ask(client, phone).status_code == 200
    red, green, blue = locator.asked[-1].reshape(-1, 3).mean(axis=0)
    assert red > 200 > 60 > max(green, blue)
    monkeypatch.setattr(uploads, "find_spec", lambda name: None)
    assert refused(ask(client, phone), 415, "JPEG, PNG, WebP or BMP")
