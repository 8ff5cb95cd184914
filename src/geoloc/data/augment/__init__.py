"""Augmentation of training tuples: `tuples` says which images get it, the other files hold the steps."""
