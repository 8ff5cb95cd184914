"""Times of the ways to describe images."""

import torch

from geoloc.export.latency import interleaved, latencies, latency_rows, machine, told_machine


def test_medians_of_rounds_in_which_all_take_turns():
    clock, order = [0.0], []
    takes = {"a": iter([9, 1, 2, 30]), "b": iter([9, 5, 5, 5])}  # the first is for warming up

    def run(name):
        order.append(name)
        clock[0] += next(takes[name])

    found = interleaved({n: (lambda n=n: run(n)) for n in "ab"}, rounds=3, now=lambda: clock[0])
    assert found == {"a": 2, "b": 5}
    assert order == ["a", "b", "a", "b", "a", "b", "a", "b"]


def test_slow_networks_get_fewer_rounds():
    clock, count = [0.0], [0]

    def run():
        clock[0] += 100
        count[0] += 1

    interleaved({"a": run}, rounds=9, now=lambda: clock[0])
    assert count[0] == 1 + 3


def test_each_batch_is_as_large_as_it_says():
    seen = []
    found = latencies({"way": lambda part: seen.append(len(part))}, torch.zeros(4, 3, 2, 2), (1, 4))
    assert list(found) == ["1", "4"]
    assert set(seen) == {1, 4}


def test_the_table_says_how_many_times_as_fast():
    rows = latency_rows({"1": {"eager": 100.0, "onnx": 50.0}, "8": {"eager": 400.0, "onnx": 800.0}})
    assert rows[0] == ["way", "1 image", "x", "8 images", "x"]
    assert rows[2] == ["onnx", "50.0 ms", "2.00", "800.0 ms", "0.50"]


def test_the_machine_is_named():
    facts = machine()
    assert facts["threads"] == torch.get_num_threads()
    assert told_machine({"processor": "X", "threads": 2, "gpu": "H100"}) == "X, 2 threads, H100"
