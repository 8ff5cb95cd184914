import pytest
import torch
from mini import write_side
from torch.utils.data import DataLoader

from geoloc.data.batches import batch_of, by_shape, photo_batch, stacked
from geoloc.data.datasets import Images


def images(*shape):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def as_decoded(image):
    """The same values, the channels of a pixel side by side."""
    return image.movedim(-3, -1).contiguous().movedim(-1, -3)


@pytest.mark.parametrize("make", [stacked, batch_of])
@pytest.mark.parametrize("layout", [as_decoded, torch.Tensor.contiguous])
def test_values_stay_and_pixels_lie_together(make, layout):
    photos = images(4, 3, 5, 7)
    batch = make([layout(photo) for photo in photos])
    assert torch.equal(batch, photos)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    tuples = images(2, 4, 3, 5, 7)
    batch = make([layout(each) for each in tuples])
    assert torch.equal(batch, tuples)
    flat = batch.flatten(0, 1)  # as the training step does
    assert flat.data_ptr() == batch.data_ptr()
    assert flat.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_hands_on_photos_with_their_rows(tmp_path, workers):
    paths = write_side(tmp_path, [500_000.0 + 100 * place for place in range(5)])
    data = Images(paths, (24, 32))
    batches = list(DataLoader(data, 2, num_workers=workers, collate_fn=photo_batch))
    assert [rows.tolist() for _, rows in batches] == [[0, 1], [2, 3], [4]]
    assert all(rows.dtype == torch.int64 for _, rows in batches)
    for batch, rows in batches:
        assert batch.is_contiguous(memory_format=torch.channels_last)
        for image, row in zip(batch, rows, strict=True):
            assert torch.equal(image, data[int(row)][0])


def test_crops_of_a_shape_go_together_in_their_order():
    wide, tall = images(3, 3, 4, 6), images(2, 3, 6, 4)
    items = [(wide[:1], torch.tensor([0])), (tall, torch.tensor([5, 6])), (wide[1:], torch.tensor([7, 8]))]
    groups = by_shape(items, 2)
    assert [(tuple(batch.shape), rows.tolist()) for batch, rows in groups] == [
        ((2, 3, 4, 6), [0, 7]),
        ((1, 3, 4, 6), [8]),
        ((2, 3, 6, 4), [5, 6]),
    ]
    assert torch.equal(torch.cat([groups[0][0], groups[1][0]]), wide)
    assert torch.equal(groups[2][0], tall)
    assert all(batch.is_contiguous(memory_format=torch.channels_last) for batch, _ in groups)
