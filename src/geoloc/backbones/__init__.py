"""Backbones: (B, 3, H, W) normalised images -> `Features`. One file an architecture."""
