import pytest

from geoloc.stages import STAGES, Stopwatch, grouped, shares, told


def test_every_moment_is_booked_once():
    times = iter([10.0, 13.0, 14.0, 20.0, 21.5])
    watch = Stopwatch(lambda: next(times))
    watch.book("training/waiting")  # from 10 to 13
    watch.book("training/steps")
    before = dict(watch.seconds)
    watch.book("training/waiting")
    watch.book("rest")
    assert watch.seconds == {"training/waiting": 9.0, "training/steps": 1.0, "rest": 1.5}
    assert watch.since(before) == {"training/waiting": 6.0, "rest": 1.5}
    assert sum(watch.seconds.values()) == 21.5 - 10.0


def test_an_unknown_stage_is_refused():
    watch = Stopwatch()
    with pytest.raises(KeyError, match="lunch: not among preparation, training/steps"):
        watch.book("lunch")


@pytest.mark.parametrize("digits", [0, 1, 2])
def test_shares_add_up(digits):
    """Plain rounding of eleven equal shares of 9.0909 % would give 99 % in whole percents."""
    found = shares(dict.fromkeys(STAGES, 1.0), digits)
    assert list(found) == list(STAGES)
    assert sum(round(value * 10**digits) for value in found.values()) == 100 * 10**digits
    assert all(abs(value - 100 / 11) <= 10**-digits for value in found.values())


def test_the_largest_remainders_are_rounded_up():
    # 57.6, 21.2 and 21.2: rounding down loses one percent, of which the first has lost most.
    assert shares({"rest": 21.2, "preparation": 57.6, "checkpoints": 21.2}, 0) == {
        "preparation": 58,
        "checkpoints": 21,
        "rest": 21,
    }


def test_no_time_has_no_shares():
    assert shares({}) == {} == shares({"rest": 0.0})
    assert told({}) == ""


def test_groups_hold_their_parts():
    assert grouped({"mining/choosing": 2.5, "mining/describing": 40.0, "checkpoints": 57.5}) == {
        "mining": (42.5, {"describing": 40.0, "choosing": 2.5}),
        "checkpoints": (57.5, {}),
    }


def test_groups_of_no_percent_are_left_out_but_no_parts():
    seconds = {"training/steps": 99.0, "training/waiting": 0.1, "validation/describing": 0.9, "checkpoints": 0.1}
    assert told(seconds) == "99 % training (0 % waiting for images), 1 % validation (1 % describing)"
