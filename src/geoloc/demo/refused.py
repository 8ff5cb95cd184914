"""What the page says no to: an HTTP status, and a sentence for the person who asked."""

from __future__ import annotations


class Refused(Exception):
    """A request that is not answered.

    Args:
        status: Of HTTP.
        why: A sentence: what is wrong, and what would be right.
        after: Seconds after which trying again makes sense; None if it does not.
    """

    def __init__(self, status: int, why: str, after: int | None = None) -> None:
        super().__init__(why)
        self.status, self.why, self.after = status, why, after
