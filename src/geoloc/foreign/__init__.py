"""Checkpoints of other projects: whose layout it is, which network it holds, and its tensors by our names."""
