import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as tf

from geoloc.errors import InputError
from geoloc.translate.frames import reflected, translate_frame
from geoloc.translate.generators import Generator


def frame(height, width, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (3, height, width), dtype=np.uint8))


class Watched:
    """Answers with its input's negative, and keeps what it was given."""

    def __call__(self, images):
        self.given = images
        return -images


def negative(multiple=64, size=None):
    """Files of a fixed size do not tell a multiple."""
    return Generator("net", Watched(), None if size else multiple, size)


@pytest.mark.parametrize("length", [1, 2, 3, 7])
@pytest.mark.parametrize("padding", [0, 1, 2, 9, 20])
def test_reflection_is_that_of_numpy(length, padding):
    before = padding // 2
    expected = np.pad(np.arange(length), (before, padding - before), mode="reflect")
    assert reflected(length, padding).tolist() == expected.tolist()


@pytest.mark.parametrize("shape", [(64, 128), (61, 127), (65, 129), (1, 1), (5, 200), (200, 7)])
def test_whole_frames_come_back_pixel_by_pixel(shape):
    """Any shift, crop or mix of rows would show, since each pixel is turned into its own negative."""
    image, generator = frame(*shape), negative()
    assert torch.equal(translate_frame(generator, image), 255 - image)
    assert all(side % 64 == 0 for side in generator.run.given.shape[-2:])
    assert generator.run.given.shape[-2] - shape[0] < 64
    assert -1 <= generator.run.given.min() <= generator.run.given.max() <= 1


def test_a_batch_is_translated_frame_by_frame():
    batch = torch.stack([frame(30, 41, seed) for seed in range(3)])
    assert torch.equal(translate_frame(negative(), batch), 255 - batch)


def test_a_named_size_is_worked_at_and_left_again():
    image, generator = frame(100, 150), negative(multiple=16)
    night = translate_frame(generator, image, size=(50, 70))
    assert generator.run.given.shape == (1, 3, 64, 80)
    expected = 255 - tf.resize(tf.resize(image, [50, 70]).float(), [100, 150], antialias=True)
    assert night.shape == image.shape
    assert (night.float() - expected).abs().max() <= 1


def test_a_network_that_tells_nothing(tmp_path):
    """Multiples of 256 at full size, and a named size as it is: it may be the only one."""
    image, generator = frame(100, 300), negative(multiple=None)
    assert torch.equal(translate_frame(generator, image), 255 - image)
    assert generator.run.given.shape == (1, 3, 256, 512)
    translate_frame(generator, image, size=(50, 70))
    assert generator.run.given.shape == (1, 3, 50, 70)


def test_a_fixed_size_is_used_as_it_is():
    image, generator = frame(100, 150), negative(size=(50, 70))
    night = translate_frame(generator, image)
    assert generator.run.given.shape == (1, 3, 50, 70)
    assert night.shape == image.shape
    assert torch.equal(night, translate_frame(generator, image, size=(50, 70)))
    with pytest.raises(InputError, match=r"^net: takes 50x70 pixels alone, not size 64x64$"):
        translate_frame(generator, image, size=(64, 64))


def test_what_is_no_picture_is_refused():
    image = frame(8, 8)
    for run, said in (
        (lambda x: x[:, :1], "answers 1x3x8x8 with 1x1x8x8; a generator must keep the shape"),
        (lambda x: x / 0 * 0, "answers with numbers that are not finite"),
        (lambda x: [x], "answers with list, not with one tensor"),
    ):
        with pytest.raises(InputError, match=f"^net: {said}$"):
            translate_frame(Generator("net", run, 8), image)
