"""Losses: descriptors and index triplets -> scalar. One file a loss."""
