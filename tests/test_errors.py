"""Exceptions: what they keep alive."""

from __future__ import annotations

import traceback
import weakref

from geoloc.errors import let_go


class Network:
    """Something large."""


def test_what_a_failed_job_held_is_freed_and_its_traceback_stays():
    held = []

    def train():
        network = Network()
        held.append(weakref.ref(network))
        raise RuntimeError("boom")

    def do():
        network = Network()
        held.append(weakref.ref(network))
        try:
            train()
        except RuntimeError as error:
            raise ValueError("worse") from error

    try:
        do()
    except ValueError as error:
        kept = error
    assert all(network() is not None for network in held)
    let_go(kept)
    assert [network() for network in held] == [None, None]
    told = "".join(traceback.format_exception(kept))
    assert "in train" in told
    assert "worse" in told
