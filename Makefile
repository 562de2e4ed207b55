# Retour. Needs Python 3.11 or later and make; everything else is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# How many times each fault is repeated by `make faults`.
TRIALS ?= 200
# Tests at once, each process with a PostgreSQL of its own.
PROCESSES ?= 2

.DEFAULT_GOAL := help
.PHONY: help install run test check bench faults lock

help: ## Say what each target does
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

install: $(INSTALLED) ## Make .venv and install what requirements.lock says

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Retour needs Python 3.11 or later; name one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

run: install ## Start everything with the demo account (options: make run ARGS="--port 9000")
	$(BIN)/retour up $(ARGS)

# One run of all tests, then the floors: every branch of rules, nine tenths of the rest.
test: install ## Run the whole suite (RETOUR_TEST_ALL=1: nothing may be skipped)
	rm -f .coverage .coverage.*
	$(BIN)/python -m pytest --numprocesses=$(PROCESSES) --dist=worksteal --cov --cov-report=
	$(BIN)/python -m coverage report --include='rules/*' --fail-under=100
	$(BIN)/python -m coverage report --include='sync/*,mail/*,server/*' --skip-covered --fail-under=90

check: install ## Format, lint, types, import contracts, catalogues, migration drift
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.catalogues
	$(BIN)/python -m tests.drift

bench: install ## Print the benchmarks, each beside its limit
	$(BIN)/python -m tests.bench

faults: install ## Run the long fault tests
	RETOUR_FAULT_TRIALS=$(TRIALS) $(BIN)/python -m pytest --numprocesses=$(PROCESSES) --dist=worksteal \
		--hypothesis-profile=faults tests/rules tests/faults

lock: install ## Resolve requirements.lock anew from pyproject.toml
	$(PIP) install uv
	$(BIN)/uv pip compile --no-config --universal --python-version 3.11 --extra dev --upgrade \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		--quiet --output-file requirements.lock pyproject.toml
