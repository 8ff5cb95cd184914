"""Aggregators: `Features` -> one vector an image. One file an architecture."""
