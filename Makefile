# `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help setup check test test-all demo

help:  ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup:  ## Install geoloc for work on it, with the tested versions
	pip install -e '.[dev,offline-weights]' -c constraints.txt

check:  ## Format, lint, types, walls between layers, spelling
	ruff format --check src tests scripts
	ruff check src tests scripts
	mypy
	lint-imports
	codespell src tests scripts conf README.md CONTRIBUTING.md CHANGELOG.md docs

test:  ## The default test suite
	pytest -n 2

test-all:  ## With the slow tests
	pytest -n 2 -m "slow or not slow"

demo:  ## Train and test on the demo city
	python -m geoloc.run
