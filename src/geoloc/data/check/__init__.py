"""The check of a data set before hours are spent on it: every image decoded once, and what would spoil results."""
