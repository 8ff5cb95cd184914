import math

import pytest
import torch

from geoloc.blocks.non_local import NonLocal
from geoloc.features import Features


def maps(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_equals_a_loop_over_positions():
    torch.manual_seed(0)
    block, x = NonLocal(4, bottleneck=3, zero=False), maps(2, 4, 2, 3)
    (layer,) = block.blocks
    flat = x.flatten(2)
    query, key, value = (
        (conv.weight[:, :, 0, 0] @ flat) + conv.bias[:, None] for conv in (layer.query, layer.key, layer.value)
    )
    expected = torch.empty(2, 4, 6)
    for image in range(2):
        for here in range(6):
            scores = torch.stack([query[image, :, here] @ key[image, :, there] for there in range(6)])
            seen = sum(w * value[image, :, there] for there, w in enumerate(torch.softmax(scores, dim=0)))
            expected[image, :, here] = flat[image, :, here] + layer.out.weight[:, :, 0, 0] @ seen + layer.out.bias
    assert torch.allclose(block(Features(x)).map.flatten(2), expected, atol=1e-5)


def test_blocks_have_parameters_of_their_own():
    block = NonLocal(4, count=3, bottleneck=2)
    assert len({id(parameter) for parameter in block.parameters()}) == 3 * 8
    assert sum(p.numel() for p in block.parameters()) == 3 * (3 * (4 * 2 + 2) + 2 * 4 + 4)


def test_attention_is_in_full_precision_under_autocast():
    """Query 3, keys 101 and 100.5: the products 303 and 301.5 would be 304 and 302 in bfloat16."""
    block = NonLocal(2, bottleneck=1, zero=False)
    (layer,) = block.blocks
    with torch.no_grad():
        for conv, weight in ((layer.query, [1, 0]), (layer.key, [1, 0]), (layer.value, [0, 1]), (layer.out, [0, 1])):
            conv.weight.copy_(torch.tensor(weight).reshape(conv.weight.shape))
            conv.bias.zero_()
    x = torch.tensor([[[[101, 100.5, 3]], [[1, 0, 0]]]])
    with torch.autocast("cpu", torch.bfloat16):
        out = block(Features(x)).map
    assert out[0, 1, 0, 2].item() == pytest.approx(1 / (1 + math.exp(-1.5)), abs=0.005)


def test_it_starts_as_the_identity_and_leaves_the_token():
    x, token = maps(1, 4, 2, 2), torch.ones(1, 4)
    out = NonLocal(4, count=2)(Features(x, token))
    assert torch.equal(out.map, x)
    assert out.cls is token


def test_no_block_is_refused():
    with pytest.raises(ValueError, match=r"count \(0\) and bottleneck \(8\) must be at least 1"):
        NonLocal(4, count=0, bottleneck=8)
