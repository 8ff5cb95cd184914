"""Figures and tables for papers, and for slides: what task=report makes of a finished run."""
