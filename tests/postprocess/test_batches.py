import pytest

from geoloc.postprocess import batches as module
from geoloc.postprocess.batches import batches, check_above_zero, check_at_least, check_share


def test_batches_cover_every_query_once(monkeypatch):
    monkeypatch.setattr(module, "BUDGET", 100)
    for each, sizes in ((30, [3, 3, 1]), (1000, [1] * 7), (0, [7])):
        found = list(batches(7, each))
        assert [s.stop - s.start for s in found] == sizes
        assert [row for s in found for row in range(7)[s]] == list(range(7))
    assert list(batches(0, 30)) == []


def test_checks_name_the_argument():
    check_at_least(1, depth=None, n=1)
    check_share(weight=0.0)
    check_share(weight=1.0)
    with pytest.raises(ValueError, match="n must be at least 1, not 0"):
        check_at_least(1, depth=3, n=0)
    with pytest.raises(ValueError, match="bandwidth must be above 0, not 0"):
        check_above_zero(bandwidth=0.0)
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="weight must lie in"):
            check_share(weight=wrong)
    with pytest.raises(ValueError, match="alpha"):
        check_at_least(0, alpha=float("nan"))
