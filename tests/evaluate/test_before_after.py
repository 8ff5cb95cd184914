from math import comb

import numpy as np
import pytest

from geoloc.errors import InputError
from geoloc.evaluate.before_after import changes, mcnemar


def test_ten_queries_by_hand():
    """At 1: five helped, one hurt, two right and two wrong on both sides. At 5 nothing changes."""
    before = np.array([[0, 1]] * 5 + [[1, 1]] + [[1, 1]] * 2 + [[0, 0]] * 2, bool)
    after = np.array([[1, 1]] * 5 + [[0, 1]] + [[1, 1]] * 2 + [[0, 0]] * 2, bool)
    found = changes(before, after, [1, 5])
    assert list(found) == [1, 5]
    one, five = found[1], found[5]
    assert (one.before, one.after, one.difference) == pytest.approx((30, 70, 40))
    assert (one.helped, one.hurt, one.queries) == pytest.approx((50, 10, 10))
    assert one.p == pytest.approx(14 / 64)  # six coins: 0, 1, 5 or 6 heads in 1 + 6 + 6 + 1 of 64
    assert one.ci95[0] < 40 < one.ci95[1]
    # Standard error of the mean of 5 times 1, once -1, 4 times 0: sqrt((0.6 - 0.16) / 10) = 0.21
    assert one.ci95 == pytest.approx((40 - 41, 40 + 41), abs=10.01)  # steps of one query
    assert (five.before, five.after, five.difference, five.ci95) == (80, 80, 0, (0, 0))
    assert (five.helped, five.hurt, five.p) == (0, 0, 1)


@pytest.mark.parametrize(("helped", "hurt"), [(0, 0), (1, 0), (3, 3), (0, 8), (10, 2), (13, 21)])
def test_mcnemar_sums_binomial_terms(helped, hurt):
    changed = helped + hurt
    as_uneven = [k for k in range(changed + 1) if abs(2 * k - changed) >= abs(helped - hurt)]
    assert mcnemar(helped, hurt) == pytest.approx(sum(comb(changed, k) for k in as_uneven) / 2**changed)
    assert mcnemar(helped, hurt) == mcnemar(hurt, helped)


@pytest.mark.parametrize("seed", range(5))
def test_counts_equal_a_loop(seed):
    rng = np.random.default_rng(seed)
    before, after = rng.random((60, 3)) < 0.5, rng.random((60, 3)) < 0.6
    for column, change in enumerate(changes(before, after, [1, 5, 10]).values()):
        pairs = [(bool(b), bool(a)) for b, a in zip(before[:, column], after[:, column], strict=True)]
        helped, hurt = pairs.count((False, True)), pairs.count((True, False))
        both = pairs.count((True, True))
        assert change.helped == pytest.approx(helped / 0.6)
        assert change.hurt == pytest.approx(hurt / 0.6)
        assert change.before == pytest.approx((both + hurt) / 0.6)
        assert change.after == pytest.approx((both + helped) / 0.6)
        assert change.difference == pytest.approx(change.helped - change.hurt)
        assert change.p == mcnemar(helped, hurt)
        assert change.ci95[0] < change.difference < change.ci95[1]


def test_wrong_shapes():
    with pytest.raises(InputError, match="one column for each of the 2 N"):
        changes(np.ones((3, 1), bool), np.ones((3, 1), bool), [1, 5])
    with pytest.raises(InputError, match="same queries and N"):
        changes(np.ones((3, 1), bool), np.ones((2, 1), bool), [1])
    with pytest.raises(InputError, match="at least one query"):
        changes(np.ones((0, 1), bool), np.ones((0, 1), bool), [1])
