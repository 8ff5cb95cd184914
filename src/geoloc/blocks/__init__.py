"""Blocks between backbone and aggregator: `Features` -> `Features`. One file an architecture."""
