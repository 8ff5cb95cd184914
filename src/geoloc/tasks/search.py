"""task=search run=PATH: search a finished run's descriptors again, or only put its predictions in another order.

Takes seconds: nothing is described. Where the run has kept no descriptors, its saved predictions are what there is.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np

from geoloc.errors import InputError
from geoloc.postprocess.chain import apply_all, evidence_of
from geoloc.predictions import Descriptors, Predictions
from geoloc.report.page import write_page
from geoloc.result import Result, complete, scores_of
from geoloc.tasks import build
from geoloc.tasks.job import Job
from geoloc.tasks.results import print_table, write_results
from geoloc.tasks.saved import SavedRun, open_run

log = logging.getLogger(__name__)
