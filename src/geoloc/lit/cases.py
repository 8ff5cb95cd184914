"""Val domains that have been described as a test describes, for post-processing to be tuned on."""

from __future__ import annotations

import numpy as np

from geoloc.predictions import Descriptors
from geoloc.result import Result
from geoloc.search import evidence, one_each
from geoloc.tuning import TuningCase
from geoloc.views.view import View


def case_of(result: Result, vectors: np.ndarray, view: View) -> TuningCase:
    """A val domain whose predictions are known, and not yet post-processed.

    Args:
        result: What was found.
        vectors: (N + Q * V, D) float descriptors of its database, and of the V crops of each query.
        view: That shows these crops.
    """
    domain, own = result.domain, np.arange(len(result.domain.queries))
    descriptors = Descriptors(vectors, len(domain.database))
    known = evidence(domain, own, descriptors.database, one_each(view, descriptors.queries, own))
    return TuningCase(domain.name, result.predictions, known, result.positives)
