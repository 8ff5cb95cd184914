import numpy as np
import pytest
import torch
from mini import write_image
from PIL import Image, ImageOps

from geoloc.data.images import read_image, resize, to_tensor
from geoloc.errors import InputError


def saved(tmp_path, image, **options):
    path = tmp_path / "image.png"
    image.save(path, **options)
    return path


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("L", 100, (100, 100, 100)),
        ("LA", (100, 255), (100, 100, 100)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),  # transparent: white shows, not the hidden colour
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),  # one fifth of black over white
        ("1", 1, (255, 255, 255)),
        ("I;16", 0x8000, (128, 128, 128)),
    ],
)
def test_every_mode_becomes_rgb(tmp_path, mode, colour, expected):
    image = read_image(saved(tmp_path, Image.new(mode, (3, 2), colour)))
    assert (image.mode, image.size) == ("RGB", (3, 2))
    assert image.getpixel((0, 0)) == expected


def test_palette_and_its_transparency(tmp_path):
    palette = Image.new("P", (2, 1))
    palette.putpalette([0, 0, 0, 200, 100, 50])
    palette.putpixel((1, 0), 1)
    assert read_image(saved(tmp_path, palette)).getpixel((1, 0)) == (200, 100, 50)
    assert read_image(saved(tmp_path, palette, transparency=1)).getpixel((1, 0)) == (255, 255, 255)


def test_cmyk(tmp_path):
    path = tmp_path / "cmyk.jpg"
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(path, quality=100)
    red, green, blue = read_image(path).getpixel((4, 4))
    assert red > 240
    assert max(green, blue) < 15


def test_orientation_tag_and_turned_pixels_agree(tmp_path):
    upright = Image.fromarray(np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8))
    upright.save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "tagged.png", exif=exif)
    tagged = read_image(tmp_path / "tagged.png")
    assert tagged.size == (6, 4)
    assert np.array_equal(np.asarray(tagged), np.asarray(read_image(tmp_path / "upright.png")))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_stands_upright(tmp_path, orientation):
    """Against Pillow's own rule."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (2, 3, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, image, exif=exif)
    with Image.open(path) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    assert np.array_equal(np.asarray(read_image(path)), expected)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_an_exif_block_that_makes_no_sense_says_nothing(tmp_path):
    image = Image.new("RGB", (3, 2), (10, 20, 30))
    path = tmp_path / "image.jpg"
    image.save(
        path, exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x05\x00\x00\x00\x09\xff\xff\xff\xff"
    )
    assert read_image(path).size == (3, 2)


def test_damaged_files_are_named(tmp_path):
    whole = write_image(tmp_path / "whole.jpg", 0).read_bytes()
    for name, content in (("half.jpg", whole[: len(whole) // 2]), ("empty.jpg", b""), ("text.jpg", b"not an image")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=rf"{name}: cannot be read as an image"):
            read_image(tmp_path / name)
    with pytest.raises(InputError, match=r"gone\.jpg: no such image"):
        read_image(tmp_path / "gone.jpg")


def test_resize_is_antialiased_like_pillow():
    noise = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 480, 640), dtype=np.uint8))
    ours = resize(noise, (240, 320)).float()
    pillow = Image.fromarray(noise.permute(1, 2, 0).numpy()).resize((320, 240), Image.Resampling.BILINEAR)
    assert (ours - to_tensor(pillow).float()).abs().mean() < 1  # of 255; without antialiasing it is about 15
    assert ours.shape == (3, 240, 320)
