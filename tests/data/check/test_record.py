import hashlib

import numpy as np
import pytest
from mini import write_image
from PIL import Image

from geoloc.data.check.alike import distance
from geoloc.data.check.photos import Photos
from geoloc.data.check.record import look_of, measure


def photo(size=(160, 120)):
    """Smooth blobs, as a photo has them."""
    noise = np.random.default_rng(3).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def bits(first, second):
    looks = [np.frombuffer(look_of(image.convert("L")), ">u8").astype(np.uint64) for image in (first, second)]
    return int(distance(*looks)[0])


def test_a_photo_whose_values_are_known(tmp_path):
    pixels = np.zeros((9, 6, 3), np.uint8)
    pixels[:3] = 200  # the upper third
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    record = measure(str(path))
    assert (record.width, record.height, record.mode, record.brightness, record.error) == (6, 9, "RGB", 200.0, "")
    assert record.size == path.stat().st_size
    assert record.digest == hashlib.blake2b(path.read_bytes(), digest_size=16).digest()


def test_a_phone_photo_is_measured_upright(tmp_path):
    image = Image.new("RGB", (40, 30))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)
    record = measure(str(tmp_path / "a.jpg"))
    assert (record.width, record.height) == (30, 40)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK"])
def test_modes_are_those_of_the_file(tmp_path, mode):
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    photo().convert(mode).save(path)
    assert (measure(str(path)).mode, measure(str(path)).error) == (mode, "")


def test_what_cannot_be_read_says_why(tmp_path):
    whole = write_image(tmp_path / "whole.jpg", 1).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("this is a note")
    records = {name: measure(str(tmp_path / f"{name}.jpg")) for name in ("cut", "empty", "text", "missing")}
    assert "truncated" in records["cut"].error.lower()
    for name in ("empty", "text"):
        assert records[name].error == (
            "cannot be read as an image (not an image, or a damaged one); replace or remove it"
        )
    assert records["missing"].error == "cannot be opened (No such file or directory)"
    assert [record.lasting for record in records.values()] == [True, True, True, False]
    assert [record.size for record in records.values()] == [len(whole) // 2, 0, 14, 0]


def test_a_new_encoding_looks_the_same_and_another_photo_does_not(tmp_path):
    photo().resize((120, 90)).save(tmp_path / "again.jpg", quality=50)
    assert bits(photo(), Image.open(tmp_path / "again.jpg")) <= 3
    assert bits(photo(), photo().transpose(Image.Transpose.FLIP_LEFT_RIGHT)) > 20


def test_a_look_by_the_definition():
    """63 frequencies against their median, by sums of cosines."""
    image = photo((32, 32)).convert("L")
    pixels = np.asarray(image).astype(float)
    at = np.arange(32)
    waves = np.array([np.cos(np.pi * (2 * at + 1) * k / 64) * (np.sqrt(0.5) if k == 0 else 1) for k in range(8)])
    low = (waves @ pixels @ waves.T).ravel()[1:]
    wanted = "0" + "".join("1" if value > np.median(low) else "0" for value in low)
    assert f"{int.from_bytes(look_of(image), 'big'):064b}" == wanted


def test_a_flat_photo_looks_like_nothing():
    faint = np.full((64, 64), 100, np.uint8)
    faint[:32] = 115
    assert look_of(Image.fromarray(faint)) == b""
    faint[:32] = 116
    assert len(look_of(Image.fromarray(faint))) == 8


def test_equal_bytes_have_one_number_and_unreadable_files_none_in_common(tmp_path):
    names = ["a", "b", "c", "d", "e"]
    for name, seed in zip("abc", (1, 2, 1), strict=True):
        write_image(tmp_path / f"{name}.jpg", seed)
    for name in "de":
        (tmp_path / f"{name}.jpg").write_bytes(b"")
    photos = Photos.of([measure(str(tmp_path / f"{name}.jpg")) for name in names])
    assert photos.contents.tolist() == [0, 1, 0, -4, -5]
    assert photos.readable.tolist() == [True, True, True, False, False]
    assert photos.select(np.array([2, 4])).contents.tolist() == [0, -5]
