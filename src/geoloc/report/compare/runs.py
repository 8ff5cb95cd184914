"""A finished run as a comparison sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geoloc.errors import InputError
from geoloc.report.compare.answers import Answer, read_answers


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        name: What it is called in tables.
        folder: Where it lies.
        results: Its results.json.
        config: Dotted key -> value of its config, in words; empty if the run has not kept it.
        typed: Overridden key -> value as typed; likewise.
    """

    name: str
    folder: Path
    results: Mapping[str, Any]
    config: Mapping[str, str] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """What it was started with; empty if unknown."""
        return str(self.results.get("environment", {}).get("command") or "")

    def judged(self) -> dict[str, Any]:
        """Domain -> its entry in results.json, of those with a recall."""
        return {name: facts for name, facts in self.results.get("domains", {}).items() if facts.get("recalls")}

    def answers(self, domain: str) -> dict[str, Answer]:
        """Query -> what was found for it, of a domain.

        Raises:
            InputError: They yield other recalls than results.json tells.
        """
        path, facts = self.folder / "predictions" / f"{domain}.csv", self.judged()[domain]
        answers = read_answers(path)
        for n, recall in facts["recalls"].items():
            right = sum(0 < answer.rank <= int(n) for answer in answers.values())
            if len(answers) != facts["queries"] or abs(100 * right / facts["queries"] - recall) > 1e-6:
                raise InputError(
                    f"{path}: {right} of {len(answers)} queries are right within {n}, and results.json says"
                    f" {recall:.2f} % of {facts['queries']}; one of the two is not of this run"
                )
        return answers
