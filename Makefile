# Retour. Needs Python 3.11 or later and make; everything else is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Errors only: what pip warns of concerns the machine's own settings, not this project.
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
# Whoever sets this would have each of the suite's many processes compile everything anew.
unexport PYTHONDONTWRITEBYTECODE
# How many times each fault is repeated by `make faults`.
TRIALS ?= 200
# Tests at once, each process with a PostgreSQL of its own. They wait a third of their time: for two cores, three.
PROCESSES ?= 3
# How `make lock` resolves.
LOCK ?= --upgrade

.DEFAULT_GOAL := help
.PHONY: help install run fmt fast test coverage check bench faults lock

help: ## Say what each target does
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

install: $(INSTALLED) ## Make .venv and install what requirements.lock says

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Retour needs Python 3.11 or later; name one with: make PYTHON=python3.12")'
	@echo "Installing the dependencies into $(VENV); this takes a few minutes and prints nothing."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --no-deps --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip --disable-pip-version-check check
	@touch $@

run: install ## Start everything with the demo account (options: make run ARGS="--port 9000")
	@$(BIN)/retour up $(ARGS)

PYTEST := $(BIN)/python -m pytest --dist=worksteal --numprocesses

# What a change is checked with all the time: no browser, broker, killed process, or test of two seconds.
fast: install ## Run what is quick
	$(PYTEST) $(PROCESSES) -m "not (browser or broker or faults or slow)" $(ARGS) tests

# Of `rules` every branch is tested, at each run. To measure all four packages doubles what their tests cost.
ifdef T
test: install ## Run the whole suite, or T=path (RETOUR_TEST_ALL=1: nothing may be skipped)
	$(BIN)/python -m pytest $(ARGS) $(T)
else
test: install
	@status=0; \
	$(PYTEST) $(PROCESSES) --cov=rules --cov-fail-under=100 --cov-report=term:skip-covered tests/rules || status=$$?; \
	$(PYTEST) $(PROCESSES) --ignore=tests/rules tests || status=$$?; \
	exit $$status
endif

coverage: install ## Measure what the tests of the four packages reach: all of rules, 90 % of each other
	rm -f .coverage .coverage.*
	$(PYTEST) $(PROCESSES) --cov --cov-report= tests/rules tests/sync tests/mail tests/server
	$(BIN)/python -m coverage report --include='rules/*' --fail-under=100
	$(BIN)/python -m coverage report --include='sync/*,mail/*,server/*' --skip-covered --fail-under=90

fmt: install ## Format the code, and fix what can be fixed
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

check: install ## Format, lint, types, imports, catalogues, tables, locks, features, JavaScript
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.catalogues
	$(BIN)/python -m tests.drift
	$(BIN)/python -m tests.lock_files
	$(BIN)/python -m tests.features
	$(BIN)/python -m tests.modules

bench: install ## Print the benchmarks, each beside its limit (some: make bench ARGS="console push")
	$(BIN)/python -m tests.bench $(ARGS)

faults: install ## Run the long fault tests
	RETOUR_FAULT_TRIALS=$(TRIALS) $(PYTEST) $(PROCESSES) \
		--hypothesis-profile=faults tests/rules tests/faults tests/sync/test_feed_races.py

# Two locks: what developing and testing needs, and the part of it that running needs.
COMPILE := $(BIN)/uv pip compile --no-config --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links --quiet pyproject.toml

lock: install ## Resolve both locks anew from pyproject.toml (LOCK=: keep what still fits)
	$(PIP) install uv
	$(COMPILE) --extra dev $(LOCK) --output-file requirements.lock
	$(COMPILE) --constraint requirements.lock $(LOCK) --output-file requirements-runtime.lock
