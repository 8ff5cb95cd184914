"""A finished run as later tasks find it: what results.json tells, its domains, and what lies in its folder."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geoloc.data.domains import Domain, read_domain, table
from geoloc.data.protocols import members, protocol_of
from geoloc.errors import InputError
from geoloc.predictions import Predictions
from geoloc.report.predictions import read_predictions
from geoloc.targets import named
from geoloc.tasks.results import read_results
from geoloc.views.view import View


@dataclass(frozen=True)
class SavedRun:
    """A run whose domains have been described or judged.

    Attributes:
        folder: The run's.
        results: Its results.json.
    """

    folder: Path
    results: dict[str, Any]

    def domain(self, name: str) -> Domain:
        """Read one of its domains again; see `_reopen`."""
        return self._reopen(name, self.results["domains"][name], self.results["fingerprints"][name])

    def tuned_on(self) -> list[Domain]:
        """The val domains that its post-processing was tuned on; empty if none was."""
        found = self.results.get("tuned_on", {})
        return [self._reopen(name, facts, facts["fingerprint"]) for name, facts in found.items()]

    def _reopen(self, name: str, facts: dict[str, Any], fingerprint: str) -> Domain:
        """Read a domain from its manifest or its folders.

        Raises:
            InputError: The photos are gone, or are not those of the run any more, or their groups are not.
        """
        database, queries = (Path(facts["folders"][side]) for side in ("database", "queries"))
        protocol, coordinates = protocol_of(facts.get("protocol", {})), facts.get("coordinates", "utm")
        if "manifest" in facts:
            where = f"of {facts['manifest']}"
            domain = table(facts["manifest"], facts["split"], name, coordinates, protocol)
        else:
            where = f"in {database} or {queries}"
            domain = read_domain(name, database, queries, coordinates, protocol)
        if domain.fingerprint() != fingerprint:
            raise InputError(
                f"{name}: photos {where} have changed since {self.folder} was written; run task=test again"
            )
        was = facts.get("protocol", {}).get("members", "")
        if was and members(domain.database, domain.queries, protocol) != was:
            raise InputError(
                f"{name}: which photos {where} share a group or panorama has changed since {self.folder} was written;"
                " run task=test again"
            )
        return domain

    def descriptors(self, name: str) -> np.ndarray | None:
        """(rows, D) descriptors of a domain, mapped into memory; None if the run has not kept them."""
        path = self.folder / "descriptors" / f"{name}.npy"
        return np.load(path, mmap_mode="r") if path.is_file() else None

    def candidates(self, name: str) -> int:
        """Predictions of each query of a domain that the run has saved; 0 if it has judged nothing."""
        path = self.folder / "predictions" / f"{name}.csv"
        if not path.is_file():
            return 0
        number = 0
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if int(row["rank"]) <= number:
                    break
                number = int(row["rank"])
        return number

    def view(self) -> View:
        """The view that the queries were described under.

        Raises:
            InputError: It is a class that nobody has imported, or no view.
        """
        facts = dict(self.results["protocol"]["views"])
        facts.pop("name")
        target = facts.pop("_target_")
        try:
            found = named(target, "geoloc.views.")
        except LookupError:
            raise InputError(
                f"views: the queries were described under {target}; name its yaml again, such as views=..., with"
                " hydra.searchpath"
            ) from None
        if not (isinstance(found, type) and hasattr(found, "crops")):
            raise InputError(f"views: {target}, under which the queries were described, is no view")
        return found(**facts)

    def raw_predictions(self, domain: Domain) -> Predictions:
        """The predictions of a test domain as they were before any post-processing."""
        raw = self.folder / "predictions" / f"{domain.name}.raw.csv"
        return read_predictions(raw if raw.is_file() else raw.with_name(f"{domain.name}.csv"), domain)

    def val_predictions(self, domain: Domain) -> Predictions:
        """The predictions of a val domain that post-processing was tuned on, before any."""
        return read_predictions(self.folder / "predictions" / "val" / f"{domain.name}.csv", domain)


def open_run(folder: str | Path | None, key: str = "run") -> SavedRun:
    """Open a run's folder.

    Args:
        folder: As typed.
        key: Of the config that names it.

    Raises:
        InputError: There is no run, or it holds nothing to go on from.
    """
    if not folder:
        raise InputError("run: must be given: run=PATH, the folder of a run of task=train, test or describe")
    folder = Path(folder)
    where = f"{key}={folder}"
    results = read_results(folder)
    if not results:
        raise InputError(f"{where}: not the folder of a run (it has no results.json)")
    if not results.get("domains"):
        why = f"its status is {results.get('status', 'unknown')}"
        if "localization" in results:
            why = "it is of task=localize, and report.html there shows its answers"
        raise InputError(f"{where}: holds no judged domain ({why})")
    if results["status"] != "finished":  # its descriptors may be half of one network and half of another
        raise InputError(f"{where}: is not finished (its status is {results['status']})")
    if "protocol" not in results:
        raise InputError(f"{where}: was written by an older version of geoloc; run task=test again")
    return SavedRun(folder, results)
