import numpy as np
import pytest

from geoloc.evaluate.holm import holm


def test_by_hand():
    # Ascending: 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1; the last may not be less than the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    # 0.6 x 2 is above 1; equal ones get the same.
    assert holm([0.6, 0.6]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def test_against_the_procedure_as_holm_wrote_it():
    """A hypothesis is rejected at a level if all with smaller p are and p <= level / (number not yet rejected)."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        ps = (rng.random(7) ** 3).tolist()
        for level in (0.01, 0.05, 0.2):
            rejected = set()
            for index in np.argsort(ps):
                if ps[index] > level / (len(ps) - len(rejected)):
                    break
                rejected.add(int(index))
            assert {index for index, p in enumerate(holm(ps)) if p <= level} == rejected
