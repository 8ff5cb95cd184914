"""Raw data sets into the layout. One module a set; `command.py` is what `scripts/prepare.py` runs."""
