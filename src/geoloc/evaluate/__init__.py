"""Judging: `Predictions` and positives -> `Scores`; and what the network costs."""
