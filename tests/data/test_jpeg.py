"""What torchvision decodes must be what Pillow decodes, to the last bit; Pillow's own pixels are the reference."""

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from geoloc.data import jpeg
from geoloc.data.images import read_image, read_pixels
from geoloc.errors import InputError

SIZES = [(1, 1), (7, 1), (1, 9), (16, 16), (33, 31), (101, 75)]


def photo(size=(101, 75), seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def encoded(image, **options):
    file = BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def header(content):
    return jpeg.header_of(np.frombuffer(content, np.uint8).data)


def by_pillow(content):
    """(3, H, W) upright, without a line of ours."""
    with Image.open(BytesIO(content)) as image:
        pixels = np.array(ImageOps.exif_transpose(image).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1)


def assert_same(tmp_path, content):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    found = read_pixels(path)
    assert (found.dtype, found.shape[0]) == (torch.uint8, 3)
    assert torch.equal(found, by_pillow(content))


def tag(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return {"exif": exif}


def segment(marker, body):
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body


def with_segment(content, marker, body):
    """A segment after JFIF's own, which is 18 bytes long."""
    return content[:20] + segment(marker, body) + content[20:]


def test_the_decoders_agree_here():
    """Else everything below goes through Pillow, and is no test."""
    assert jpeg.same_as_pillow()


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1"])
@pytest.mark.parametrize("quality", [5, 75, 100])
@pytest.mark.parametrize("size", SIZES)
def test_plain_photos(tmp_path, subsampling, quality, size):
    content = encoded(photo(size), subsampling=subsampling, quality=quality)
    assert header(content) == jpeg.Header(size[1], size[0], False)
    assert jpeg.decode(np.frombuffer(content, np.uint8).copy()) is not None
    assert_same(tmp_path, content)


@pytest.mark.parametrize(
    "options", [{"restart_marker_blocks": 1}, {"restart_marker_rows": 2}, {"optimize": True}, {"comment": b"x" * 300}]
)
def test_what_else_is_plain(tmp_path, options):
    content = encoded(photo(), **options)
    assert header(content) is not None
    assert_same(tmp_path, content)


def test_a_colour_profile_changes_no_pixel(tmp_path):
    content = encoded(photo(), icc_profile=b"p" * 100_000)  # in two segments
    assert header(content) is not None
    assert_same(tmp_path, content)


def test_bytes_after_the_photo_are_ignored(tmp_path):
    assert_same(tmp_path, encoded(photo()) + b"junk" * 1000)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation(tmp_path, orientation):
    content = encoded(photo(), **tag(orientation))
    assert header(content).tagged
    assert_same(tmp_path, content)


def test_an_orientation_of_xmp_counts_as_for_pillow(tmp_path):
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    content = with_segment(encoded(photo()), 0xE1, xmp)
    assert by_pillow(content).shape == (3, 101, 75)
    assert_same(tmp_path, content)


@pytest.mark.parametrize(
    "content",
    [
        encoded(photo().convert("L")),
        encoded(photo().convert("CMYK")),
        encoded(photo(), progressive=True),
        encoded(photo(), keep_rgb=True),
        with_segment(encoded(photo()), 0xEE, b"Adobe\0\x64\0\0\0\0\0"),  # its last byte says: not YCbCr
        with_segment(encoded(photo()), 0xE2, b"MPF\0" + bytes(20)),
        with_segment(encoded(photo()), 0xDB, bytes(30)),
        b"\xff\xd8",
        b"",
        b"not an image",
        encoded(photo())[:100],
        b"\0" + encoded(photo()),
    ],
    ids=["grey", "cmyk", "progressive", "rgb", "adobe", "mpo", "table", "start", "empty", "text", "short", "shifted"],
)
def test_what_is_left_to_pillow(content):
    assert header(content) is None


@pytest.mark.parametrize("image", [photo().convert("L"), photo().convert("CMYK")])
def test_grey_and_cmyk_become_rgb(tmp_path, image):
    assert_same(tmp_path, encoded(image))


@pytest.mark.parametrize("options", [{}, {"restart_marker_rows": 1}, {"subsampling": "4:4:4"}, {"progressive": True}])
def test_a_cut_file_is_an_error_wherever_it_is_cut(tmp_path, options):
    content, path = encoded(photo((40, 30)), **options), tmp_path / "cut.jpg"
    for size in range(0, len(content), 7):
        path.write_bytes(content[:size])
        with pytest.raises(InputError, match=r"cut\.jpg: cannot be read as an image"):
            read_pixels(path)


def test_the_error_is_that_of_read_image(tmp_path):
    path = tmp_path / "cut.jpg"
    path.write_bytes(encoded(photo())[:1500])
    problems = []
    for reader in (read_image, read_pixels):
        with pytest.raises(InputError) as error:
            reader(path)
        problems.append(error.value.problems)
    assert problems[0] == problems[1]
    assert "truncated" in problems[0][0]
    with pytest.raises(InputError, match=r"gone\.jpg: no such image"):
        read_pixels(tmp_path / "gone.jpg")


def test_damaged_files_give_what_pillow_gives(tmp_path):
    """Pixels or an error; 600 files with wrong bytes in header and scan."""
    rng, path, seen = np.random.default_rng(0), tmp_path / "damaged.jpg", {True: 0, False: 0}
    bases = [encoded(photo((60, 40)), subsampling=each) for each in ("4:4:4", "4:2:0")]
    for number in range(600):
        content = bytearray(bases[number % 2])
        for position in rng.integers(2, 625 if number % 4 < 2 else len(content), 2):
            content[position] = rng.integers(256)
        path.write_bytes(content)
        try:
            expected = np.asarray(read_image(path))
        except InputError:
            with pytest.raises(InputError):
                read_pixels(path)
        else:
            assert torch.equal(read_pixels(path), torch.from_numpy(expected.copy()).permute(2, 0, 1))
        seen[header(bytes(content)) is not None] += 1
    assert min(seen.values()) > 50


def test_decoders_that_disagree_leave_all_to_pillow(tmp_path, monkeypatch):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(photo()))
    monkeypatch.setattr(jpeg, "_decode", lambda data: torch.zeros(3, 75, 101, dtype=torch.uint8))
    jpeg.same_as_pillow.cache_clear()
    try:
        assert not jpeg.same_as_pillow()
        assert torch.equal(read_pixels(path), by_pillow(path.read_bytes()))
    finally:
        jpeg.same_as_pillow.cache_clear()


def test_without_the_operator_all_is_left_to_pillow(tmp_path, monkeypatch, caplog):
    """As a torchvision that no longer has it."""

    def gone(data):
        raise AttributeError("'_OpNamespace' 'image' object has no attribute 'decode_jpeg'")

    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(photo()))
    monkeypatch.setattr(jpeg, "_decode", gone)
    jpeg.same_as_pillow.cache_clear()
    try:
        with caplog.at_level("INFO"):
            for _ in range(3):
                assert torch.equal(read_pixels(path), by_pillow(path.read_bytes()))
        assert [record.message for record in caplog.records if record.name == "geoloc.data.jpeg"] == [
            "JPEG files are decoded by Pillow alone, since torchvision's decoder gives other pixels, or none, here"
        ]
    finally:
        jpeg.same_as_pillow.cache_clear()


def test_a_huge_photo_is_left_to_pillow_which_refuses_it(tmp_path, monkeypatch):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(photo()))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputError, match="decompression bomb"):
        read_pixels(path)


@pytest.mark.parametrize(
    ("enough", "expected"),
    [
        ((60, 80), (60, 80)),  # a quarter
        ((61, 80), (120, 160)),  # a quarter would be too low
        ((30, 40), (30, 40)),
        ((1, 1), (30, 40)),  # an eighth is the least
        ((240, 320), (240, 320)),
        ((300, 20), (240, 320)),
    ],
)
def test_reduced_is_never_less_than_enough(tmp_path, enough, expected):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(photo((320, 240))))
    assert read_pixels(path, enough).shape == (3, *expected)


def test_enough_is_of_the_upright_photo(tmp_path):
    """A portrait, stored lying; 160 x 120 of it is enough, and 120 x 160 is not there before half its size."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(photo((320, 240)), **tag(6)))
    assert read_pixels(path).shape == (3, 320, 240)
    assert read_pixels(path, (80, 60)).shape == (3, 80, 60)
    assert read_pixels(path, (60, 80)).shape == (3, 160, 120)
    assert read_image(path, at_least=(60, 80)).size == (60, 80)


def test_reduced_is_pillows_draft(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(photo((320, 240))))
    with Image.open(path) as image:
        image.draft("RGB", (160, 120))
        assert torch.equal(read_pixels(path, (120, 160)), torch.from_numpy(np.array(image)).permute(2, 0, 1))
    assert torch.equal(read_pixels(path, (121, 160)), by_pillow(path.read_bytes()))
