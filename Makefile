# Two commands: `make run` opens the window, `make test` runs every test. Each installs what it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
UV_VERSION := 0.13.9
# Qt needs no screen for tests; a test that wants a real window starts its own.
OFFSCREEN := QT_QPA_PLATFORM=offscreen
# Two processes run the tests: two threads each for PyTorch would only wait for one another. And bytecode is kept
# even where the machine says otherwise, for the tests start some hundred Python processes.
TEST_ENV := $(OFFSCREEN) OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=

.DEFAULT_GOAL := help
.PHONY: help install run tour test check lint fast format lock bench compat compat-notebook clean

help:  ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("SageDeck needs Python 3.11, 3.12 or 3.13; this is " + sys.version.split()[0] + ". Set PYTHON=python3.11, for example.") if not (3, 11) <= sys.version_info[:2] < (3, 14) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --compile-bytecode --python $(BIN)/python -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $(STAMP)

install: $(STAMP)  ## Make .venv with everything pinned

run: $(STAMP)  ## Open the window on the sandbox
	@$(BIN)/python -m console

tour: $(STAMP)  ## Play the whole story and save screenshots to tour/ (needs no display)
	@$(BIN)/python -m console --tour tour

test: $(STAMP)  ## Run every test, with real jobs in a real sandbox
	$(TEST_ENV) $(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder

check: lint fast  ## Everything a commit needs: ruff, mypy, import-linter, the fast tests

lint: $(STAMP)  ## ruff, mypy and import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fast: $(STAMP)  ## The fast tests only
	$(TEST_ENV) $(BIN)/python -m pytest -q -n 2 --dist loadfile tests/unit

format: $(STAMP)  ## Format and sort imports
	$(BIN)/ruff check --fix-only --quiet . ; $(BIN)/ruff format .

lock: $(STAMP)  ## Resolve requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra sandbox --extra dev --custom-compile-command "make lock" pyproject.toml -o requirements.lock

bench: $(STAMP)  ## Print the speed ratios (minutes)
	@for script in tests/bench/bench_*.py; do echo "== $$script"; $(OFFSCREEN) $(BIN)/python $$script || exit 1; done

compat-notebook: $(STAMP)  ## Run a course's notebook cell by cell in a notebook instance (minutes; installs JupyterLab)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[notebook]'
	$(TEST_ENV) $(BIN)/python -m pytest -q tests/compat/notebook/course.py

compat: $(STAMP)  ## Run clients, SDKs, AWS's container toolkits and moto's own tests (half an hour, the first time more: 12 GB are installed; PARTS="s5cmd sdks" only those)
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m tests.compat $(PARTS)

clean:  ## Remove .venv and caches
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
