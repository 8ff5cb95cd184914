"""The parts behind the application: the map's plane, small pictures, the line, the port."""

import asyncio
import io
import logging
import socket
import threading
import time
import urllib.request

import numpy as np
import pytest
from PIL import Image
from serving import served

from geoloc import earth
from geoloc.demo import server, thumbnails
from geoloc.demo.base import CLOUD, Base
from geoloc.demo.line import Line
from geoloc.demo.refused import Refused
from geoloc.demo.server import address_of, bind
from geoloc.demo.thumbnails import Thumbnails
from geoloc.errors import InputError


def test_many_places_are_thinned_evenly_and_photos_of_one_place_are_one():
    east = np.repeat(np.arange(100_000.0), 2)
    base = Base(np.stack([500_000 + east % 1000, 4_000_000 + east // 1000], axis=1))
    drawn = base.drawn(True)
    assert (drawn["distinct"], len(drawn["cloud"])) == (100_000, CLOUD)
    columns = np.bincount([int(x) // 100 for _, x, _ in drawn["cloud"]])
    assert columns.tolist() == pytest.approx([CLOUD / 10] * 10, rel=0.01)


def test_the_area_with_most_photos_comes_first():
    base = Base(np.array([[500_000.0, 4_000_000], [600_000, 4_000_000], [600_030, 4_000_040]]))
    assert base.drawn(True)["areas"] == ["1 (2 photos)", "2 (1 photos)"]
    assert base.place(0) == [1, 0, 0]
    assert base.place(2) == [0, 30, 40]
    assert base.place_of(np.array([600_010.0, 4_000_000.0]), near=1) == [0, 10, 0]


def test_areas_of_several_zones_are_seen_from_above():
    latlon = np.array([[48.0, 5.999], [48.0, 6.001], [-33.9, 151.2]])  # on both sides of a zone's border, and far away
    xy, zones = earth.from_latlon(latlon)
    base = Base(earth.in_one_frame(xy, zones))
    (first, second), third = (np.array(base.place(row)) for row in (0, 1)), base.place(2)
    assert third == [1, 0, 0]
    apart = second - first
    assert apart[1] == pytest.approx(149.2, abs=0.5)  # 0.002 degrees of longitude at 48 degrees north
    assert apart[2] == pytest.approx(0, abs=0.5)
    again = base.place_of(base.xy[1], near=0)
    assert again == base.place(1)


@pytest.fixture
def photo(tmp_path):
    """A photo that lies on its side, with a position and a comment."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 800, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[2] = (40.0, 26.0, 46.0)
    image.save(tmp_path / "a.jpg", exif=exif, comment=b"at home")
    return tmp_path / "a.jpg"


def test_small_pictures_stand_upright_and_hold_nothing_but_pixels(photo):
    made = Thumbnails([photo])
    for size, box in thumbnails.SIZES.items():
        content = made.jpeg(0, size)
        picture = Image.open(io.BytesIO(content))
        assert picture.width < picture.height <= box[1]
        assert picture.width <= box[0]
        assert not dict(picture.getexif())
        assert "comment" not in picture.info
        assert b"home" not in content
        assert b"Exif" not in content


def test_pictures_are_made_once(photo, monkeypatch):
    made, read = Thumbnails([photo]), []
    usual = thumbnails.read_image
    monkeypatch.setattr(thumbnails, "read_image", lambda *given, **more: read.append(1) or usual(*given, **more))
    assert made.jpeg(0, "small") == made.jpeg(0, "small")
    assert len(read) == 1


def test_pictures_that_are_not_there(photo):
    made = Thumbnails([photo, photo.with_name("gone.jpg")])
    for row, words in ((1, "gone"), (2, "there is no photo 2"), (-1, "there is no photo -1")):
        with pytest.raises(Refused, match=words) as error:
            made.jpeg(row, "small")
        assert error.value.status == 404
        assert str(photo.parent) not in error.value.why


async def given():
    return 7


def test_one_after_the_other():
    line, inside, most = Line(), [0], [0]

    def work(number):
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.02)
        inside[0] -= 1
        return number + 1

    async def all_at_once():
        return await asyncio.gather(*(line.do(given, work) for _ in range(5)))

    assert asyncio.run(all_at_once()) == [8] * 5
    assert most == [1]


def test_who_comes_to_a_full_line_is_sent_away_before_anything_is_read():
    line, go = Line(most=2), threading.Event()

    async def unread():
        pytest.fail("it was read")

    async def come():
        waiting = [asyncio.create_task(line.do(given, lambda _: go.wait(5))) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(Refused, match="2 photos are waiting") as error:
            await line.do(unread, print)
        assert (error.value.status, error.value.after) == (503, 3)
        go.set()
        assert await asyncio.gather(*waiting) == [True, True]
        assert await line.do(given, lambda number: number) == 7

    asyncio.run(come())


def test_who_waits_too_long_is_told_and_the_work_keeps_its_place_until_it_ends():
    line, go = Line(most=1, patience=0.05), threading.Event()

    async def come():
        with pytest.raises(Refused, match="no answer within") as error:
            await line.do(given, lambda _: go.wait(5))
        assert error.value.status == 504
        with pytest.raises(Refused, match="1 photos are waiting"):
            await line.do(given, print)
        go.set()
        for _ in range(100):
            await asyncio.sleep(0.01)
            if not line._inside:
                break
        line.patience = 5
        assert await line.do(given, lambda number: number) == 7

    asyncio.run(come())


def test_a_failed_upload_gives_its_place_back():
    line = Line(most=1)

    async def broken():
        raise Refused(413, "too large")

    async def come():
        for _ in range(3):
            with pytest.raises(Refused, match="too large"):
                await line.do(broken, print)

    asyncio.run(come())


def test_a_port_in_use_is_said_in_one_line():
    with bind("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        assert address_of(taken) == f"http://127.0.0.1:{port}/"
        with pytest.raises(InputError) as error:
            bind("127.0.0.1", port)
    (line,) = error.value.problems
    assert line == f"demo.port: {port} is in use by another program; take another, such as demo.port={port + 1}"
    bind("127.0.0.1", port).close()  # free again at once


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1", "a" * 300, "exa mple"])
def test_a_host_that_is_not_this_machine_is_said_in_one_line(host):
    with pytest.raises(InputError, match=r"^demo\.host: ") as error:
        bind(host, 0)
    assert len(error.value.problems) == 1


def test_the_address_of_a_page_that_is_open_to_all(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "robot")
    with bind("0.0.0.0", 0) as taken:
        assert address_of(taken) == f"http://robot:{taken.getsockname()[1]}/"


def test_an_open_page_is_warned_of(monkeypatch, caplog):
    monkeypatch.setattr(server, "server_of", lambda app: type("Server", (), {"run": lambda self, sockets: None})())
    for host, warned in (("0.0.0.0", True), ("127.0.0.1", False)):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            server.serve(None, bind(host, 0))
        assert ("open to everybody" in caplog.text) == warned


async def hello(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: ",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n.",
    ],
)
def test_who_asks_nothing_is_not_waited_for(monkeypatch, begun):
    """A first request that does not come or does not end, a second one, a body that nobody reads."""
    monkeypatch.setattr(server, "SILENCE", 0.3)
    with served(hello) as address:
        host, port = address.removeprefix("http://").rstrip("/").split(":")
        with socket.create_connection((host, int(port)), timeout=9) as connection:
            connection.sendall(begun)
            got = b""
            try:
                while more := connection.recv(1000):
                    got += more
            except ConnectionResetError:
                pass
    assert got.count(b"hello") == begun.count(b"\r\n\r\n")


def test_who_waits_for_an_answer_is_not_sent_away(monkeypatch):
    monkeypatch.setattr(server, "SILENCE", 0.1)

    async def late(scope, receive, send):
        await asyncio.sleep(0.5)
        await hello(scope, receive, send)

    with served(late) as address, urllib.request.urlopen(address, timeout=9) as answer:
        assert answer.read() == b"hello"
