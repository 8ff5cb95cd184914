"""Indexes: descriptors -> `Predictions`. One file an index."""
