"""Predictions -> predictions: steps that order the candidates of each query anew, in the order of the config's list."""
