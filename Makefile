.DEFAULT_GOAL := help
.PHONY: help setup demo up worker test test-fast check fmt schema bench bench-quick bench-docs drill browser shots fuzz leaks pins clean

PORT ?= 8750
VENV := .venv
BIN := $(VENV)/bin
# The first Python that is new enough; uv brings one where there is none.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.14 python3 python; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; then echo $$p; break; fi; done)

# Images for containers set it; then every one of the many processes of a test run would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@if [ -n "$(PYTHON)" ]; then $(PYTHON) -m venv $(VENV); \
	elif command -v uv >/dev/null; then uv venv --seed --python 3.13 $(VENV); \
	else echo "Engine needs Python 3.12 or newer, or uv. Install one of them and run make again." >&2; exit 1; fi

$(VENV)/.base: requirements/base.txt pyproject.toml | $(BIN)/python
	@echo "Installing Engine into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/base.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.base
	@echo "Installing the tools for tests ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

# The queues that `make bench` compares Engine with; without PostgreSQL or Redis their figures are `none`.
BENCH_VENV := .venv-bench
$(BENCH_VENV)/.peers: requirements/bench.txt | $(BIN)/python
	@echo "Installing the queues to compare with into $(BENCH_VENV) ..."
	@$(BIN)/python -m venv $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

# Formatter and linter of static/. Where npm is missing its step is left out with a word; in CI it may not be.
BIOME_VERSION := 2.6.8
$(VENV)/node/.biome-$(BIOME_VERSION):
	@echo "Installing Biome into $(VENV)/node ..."
	@npm install --silent --prefix $(VENV)/node --no-save --no-package-lock @biomejs/biome@$(BIOME_VERSION)
	@touch $@

define biome_check
	@if command -v npm >/dev/null; then \
		$(MAKE) -s --no-print-directory $(VENV)/node/.biome-$(BIOME_VERSION) && \
		$(VENV)/node/node_modules/.bin/biome check $(1) --config-path=requirements/biome.jsonc static/*.css static/*.js; \
	else \
		echo "npm is not installed, so static/ is not checked." >&2; [ "$$CI" != true ]; \
	fi
endef

setup: $(VENV)/.dev ## make the environment with everything for development

demo: $(VENV)/.base ## start Engine with a sample repository and real jobs, in the foreground
	@ENGINE_ALLOW_SHELL=1 ENGINE_EXECUTABLES=python3,sleep ENGINE_STOP_GRACE_S=2 $(BIN)/engine up --demo --port $(PORT)

up: $(VENV)/.base ## start Engine: database, web and cluster, in the foreground
	@$(BIN)/engine up --port $(PORT)

worker: $(VENV)/.base ## start only a cluster, for one more host
	@$(BIN)/engine worker

test: $(VENV)/.dev ## run the whole test suite with what this machine has; HYPOTHESIS=thorough for more examples
	@$(BIN)/python -m tests

test-fast: $(VENV)/.dev ## run the tests that need no browser, no cluster and no PostgreSQL
	@$(BIN)/python -m pytest -n 2 -m "not (cluster or browser or aider)"

check: $(VENV)/.dev ## style, types, import contracts, templates, static files, migrations, deployment checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djade --check --target-version 6.1 $$(git ls-files 'templates/*.html')
	$(BIN)/djangofmt --check templates
	$(call biome_check,--error-on-warnings)
	$(BIN)/python manage.py makemigrations --check --dry-run
	ENGINE_HTTPS=1 ENGINE_SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_hex(40))') \
		$(BIN)/python manage.py check --deploy --fail-level WARNING

fmt: $(VENV)/.dev ## format code and templates, apply safe lint fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djade --target-version 6.1 $$(git ls-files 'templates/*.html')
	$(BIN)/djangofmt templates
	$(call biome_check,--write)

schema: $(VENV)/.dev ## regenerate schema/openapi.json and docs/operations.md
	$(BIN)/python manage.py export_openapi_schema --api engine_site.api.api --indent 1 --output schema/openapi.json
	$(BIN)/python -m tests.api.operations_table

bench: $(VENV)/.dev $(BENCH_VENV)/.peers ## measure everything in docs/benchmarks.md, with other queues beside it: 15 minutes
	$(BIN)/python -m tests.bench $(TOPICS)

bench-quick: $(VENV)/.dev $(BENCH_VENV)/.peers ## the same with fewer rounds and a short history: 3 minutes; TOPICS="idle http" for some
	$(BIN)/python -m tests.bench --quick $(TOPICS)

bench-docs: $(VENV)/.dev ## write the results of the last run into docs/benchmarks.md
	$(BIN)/python -m tests.bench --docs

drill: $(VENV)/.dev ## kill and stop every process at random under load; SHORT=60 LONG=6 for the short form
	$(BIN)/python -m tests.drill

browser: $(VENV)/.dev ## only the tests that drive Chromium
	$(BIN)/python -m pytest -m browser

shots: $(VENV)/.dev ## a picture of every page in OUT, light, dark and at 390 px
	$(BIN)/python -m tests.shots $(OUT)

fuzz: $(VENV)/.dev ## schemathesis against the running API
	$(BIN)/python -m tests.fuzz

leaks: $(VENV)/.dev ## run a job that prints its secret in many ways, and search everything for it
	$(BIN)/python -m tests.leaks

pins: ## resolve the hashed requirements again (needs uv)
	uv pip compile -q --universal --python-version 3.12 --generate-hashes --no-header --no-annotate pyproject.toml requirements/build.in -o requirements/base.txt
	uv pip compile -q --universal --python-version 3.12 --generate-hashes --no-header --no-annotate pyproject.toml requirements/build.in requirements/dev.in -o requirements/dev.txt
	uv pip compile -q --python-version 3.12 --generate-hashes --no-header --no-annotate requirements/aider.in -o requirements/aider.txt
	uv pip compile -q --universal --python-version 3.12 --generate-hashes --no-header --no-annotate requirements/bench.in -o requirements/bench.txt

clean: ## remove the environment and all data of this checkout
	rm -rf $(VENV) $(BENCH_VENV) var .mypy_cache .ruff_cache .hypothesis
