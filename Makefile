# Everything here works on a fresh checkout with Python >= 3.11, pip and make. The first use
# builds .venv; later uses rebuild it only when a pyproject.toml changed.
#
#   make demo        check the project, backtest, run a PAPER session, write a report (offline)
#   make test        lint, types, layers, docs and the whole test suite
#   make test-long   the long forms of laws and endurance runs as well
#   make bench       the speed of this engine; PEERS=1 adds the other engines in the same run
#   make bench-data  the speed of the data lake; beside DuckDB and polars where they are installed
#   make format      reformat the Python files
#   make clean       remove what the targets above made

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
PLUGINS := $(sort $(wildcard plugins/*/pyproject.toml))
SOURCES := paperbot_core plugins tests $(wildcard bench)
WORKERS ?= auto
EMPTY :=
SPACE := $(EMPTY) $(EMPTY)
PYTEST_ARGS ?=

.PHONY: help install demo test test-fast test-long lint format bench bench-data clean

help:
	@sed -n 's/^#   //p' Makefile

install: $(STAMP)

# One pip call for all distributions, so that a plugin's need of paperbot-core is met by this
# checkout. Without build isolation each of them would otherwise fetch its own setuptools.
$(STAMP): pyproject.toml $(PLUGINS)
	@PYTHON="$(PYTHON)" .ci/venv "$(VENV)"
	$(PY) -m pip install --quiet --disable-pip-version-check "setuptools>=64" wheel
	$(PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation \
		-e ".[dev]" $(patsubst %/pyproject.toml,-e %,$(PLUGINS))
	@touch $@

demo: $(STAMP)
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" .ci/demo

lint: $(STAMP)
	$(PY) -m ruff check .
	MYPYPATH=$(subst $(SPACE),:,$(PLUGINS:/pyproject.toml=)) $(PY) -m mypy $(SOURCES)
	$(VENV)/bin/lint-imports --no-logo

test: lint
	$(PY) -m pytest -n $(WORKERS) -m "not slow" $(PYTEST_ARGS)

# The tests alone, for the second and third Python of a matrix.
test-fast: $(STAMP)
	$(PY) -m pytest -n $(WORKERS) -m "not slow" $(PYTEST_ARGS)

test-long: lint
	HYPOTHESIS_PROFILE=long $(PY) -m pytest -n $(WORKERS) --timeout 3600 $(PYTEST_ARGS)

format: $(STAMP)
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

bench: $(STAMP)
	PEERS="$(PEERS)" $(PY) -m bench

bench-data: $(STAMP)
	$(PY) -m bench.lake
	$(PY) -m bench.trades
	$(PY) -m bench.universe

clean:
	rm -rf $(VENV) build dist state/demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf *.egg-info plugins/*/*.egg-info plugins/*/build bench/out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
