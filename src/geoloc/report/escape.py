"""Text for LaTeX."""

from __future__ import annotations

SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # at the start of a line, LaTeX would take it for an option of the line before
    "*": "{*}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def escaped(text: str) -> str:
    r"""Text that LaTeX prints as it is.

    Example:
        >>> print(escaped("R&D_50%"))
        R\&D\_50\%
    """
    return "".join(SPECIAL.get(character, character) for character in text)
