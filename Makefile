# Every target does its own set-up: a fresh clone, Python 3.11 or newer, pip and make are all it takes.
# `make PYTHON=/path/to/python` chooses the interpreter of the environment.

ifndef PYTHON
PYTHON := $(shell for candidate in python3.11 python3; do \
	$$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$candidate; break; }; done)
endif

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help setup demo test check docs format dev requirements

help:
	@echo "make demo          start the sandbox, synchronise it, show every story"
	@echo "make test          the test suite"
	@echo "make check         formatting, types, floors, the documentation's links"
	@echo "make docs          the documentation as a site, in site/"
	@echo "make dev           the sandbox and Dagster's UI, until Ctrl-C"
	@echo "make setup         only the environment in $(VENV)"
	@echo "make format        write the formatting that make check asks for"
	@echo "make requirements  pin the dependencies of pyproject.toml again"

setup: $(INSTALLED)

# Last comes the stamp, so that an installation that broke off is taken up again.
$(INSTALLED): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and neither python3.11 nor python3 is one. \
	Install it, or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is $$("$(PYTHON)" --version 2>&1), \
	but Python 3.11 or newer is needed. Name another: make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { echo "$(PYTHON) cannot make a virtual environment. \
	On Debian and Ubuntu install the package python3-venv." >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(INSTALLED)
	$(BIN)/sync-pipeline demo

# Each commit of a test's warehouse waits for the disk; where memory serves as one, it does not.
test: export PYTEST_DEBUG_TEMPROOT := $(shell test -w /dev/shm && df -Pm /dev/shm | awk 'NR == 2 && $$4 > 4096 { print "/dev/shm" }')
test: $(INSTALLED)
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow and not browser and not witness and not fuzz and not crash"

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory docs

# Strictly: a link to a page or a heading that is not there fails. Nothing is fetched.
docs: $(INSTALLED)
	$(BIN)/zensical build --strict --clean --config-file mkdocs.yml

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dev: $(INSTALLED)
	@$(BIN)/sync-pipeline sandbox & sandbox=$$!; trap 'kill $$sandbox 2>/dev/null' EXIT INT TERM; \
	sleep 5; kill -0 $$sandbox 2>/dev/null || { echo "The sandbox did not start, so Dagster is not started." >&2; exit 1; }; \
	PATH="$(CURDIR)/$(BIN):$$PATH" DAGSTER_HOME="$(CURDIR)" $(BIN)/dagster dev

# Takes an environment as it is: installing first would ask for the pins that are to be replaced.
requirements:
	@test -x $(BIN)/pip-compile || $(MAKE) setup
	$(BIN)/pip-compile --quiet --upgrade --extra dev --allow-unsafe --generate-hashes --no-strip-extras --no-header \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options --annotation-style=line \
		--output-file requirements.txt pyproject.toml
