"""Where the next epoch's training tuples come from. Pure functions on arrays; `lit/mining.py` runs them."""
