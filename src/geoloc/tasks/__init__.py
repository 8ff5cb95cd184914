"""The jobs: one verb, one file, one function. `run.py` calls `do(job)`."""
