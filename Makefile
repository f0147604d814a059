# Two commands do everything: `make repro` and `make test`. `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# With an editable install a clone in another folder would import this one's code: each runs its own.
export PYTHONPATH := $(CURDIR)/src

.DEFAULT_GOAL := help
.PHONY: help setup repro test lab check verify calibrate benchmark lock

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: .venv/ready  ## create the environment in .venv/ from requirements.lock

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' || \
	  { echo "Python 3.11 to 3.14 is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1). Name another: make repro PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo "$(PYTHON) has no venv module: install it (Debian: apt-get install python3-venv)."; exit 1; }
	@echo "Installing the pinned environment (about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock -e .
	@test -e .git || $(BIN)/dvc config --local core.no_scm true
	@touch $@

repro: setup  ## run the whole pipeline; at the end it says where the site is
	@dvc repro
	@echo "Open reports/$$(python -c 'from growth.params import section; print(section("data").dataset)')/site/index.html"

test: setup  ## run the tests
	@python -m pytest -q -n 2 --dist loadfile tests

lab: setup  ## open JupyterLab on the notebooks
	@python -m jupyterlab --notebook-dir=notebooks

check: setup  ## lint, format, types; notebooks without outputs; calibration results not stale
	@ruff check .
	@ruff format --check .
	@mypy
	@python -m growth.report.clean notebooks
	@python calibration/run.py --check
	@python calibration/simulation.py --check
	@python calibration/channels_platform.py --check

verify: setup  ## run everything by force in another folder and compare byte by byte
	@growth verify

calibrate: setup  ## coverage and false positives of every estimator, and the platform's truths; stores the results
	@python calibration/run.py
	@python calibration/simulation.py
	@python calibration/channels_platform.py

benchmark: setup  ## time set-up, pipeline and notebooks beside a plain script, experiments beside tea-tasting, retention beside lifetimes, price beside pyfixest
	@python benchmarks/run.py
	@python benchmarks/experiments.py
	@python benchmarks/retention.py
	@python benchmarks/price.py

lock:  ## write requirements.lock anew (needs uv)
	uv pip compile --universal --fork-strategy fewest --no-header --no-annotate --no-emit-index-url \
	  --no-emit-find-links --all-extras --quiet pyproject.toml -o requirements.lock
