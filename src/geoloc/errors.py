"""Exceptions for the user: what is wrong and how to put it right, in a line each and without a traceback."""

from __future__ import annotations

from traceback import clear_frames


class InputError(ValueError):
    """Wrong config, data or file. `run.py` prints the message alone, without a traceback, and exits with code 2.

    Args:
        *problems: One line each: what is wrong, in which file or key, and what would be right. Several problems are
            printed together, so that a user mends all of them at once.
    """

    def __init__(self, *problems: str) -> None:
        # torch raises an error of a loader's worker again, with the worker's whole traceback as its message.
        problems = tuple(text.rpartition("InputError: ")[2].strip() for text in problems)
        super().__init__("\n".join(problems))
        self.problems = problems


class CheckFailedError(Exception):
    """A check has found something that would spoil results. `run.py` exits with code 1; the findings are in the log."""


def let_go(error: BaseException | None) -> None:
    """Free what the ended functions of an error's traceback still hold, such as a network on the GPU.

    Args:
        error: With those that led to it. Its message and its lines of the traceback stay.
    """
    while error is not None:
        clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
