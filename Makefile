# make demo    build the demo guest and run the demo          make lint    ruff, mypy, pyright, import-linter
# make test    run the tests                                  make bench   run the benchmarks
# make clean   remove .venv, builds and caches
#
# Everything is installed into .venv; PYTHON chooses the interpreter (3.11 or newer) it is made from.

PYTHON ?= python3
PYTEST_ARGS ?=
BENCH_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: all demo guest test lint bench clean venv
all: lint test

venv: $(STAMPS)/package

demo: $(STAMPS)/guest
	$(BIN)/python examples/demo/build_guest.py
	$(BIN)/python examples/demo/run.py

guest: $(STAMPS)/guest
	$(BIN)/python examples/demo/build_guest.py
	$(BIN)/python examples/keyvalue/build_guest.py
	$(BIN)/python examples/commands/build_guests.py

# Tests that need the built guest skip themselves where componentize-py has no wheel.
test: $(STAMPS)/test
	@$(MAKE) --no-print-directory guest || echo "the guests were not built: their tests will be skipped"
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(STAMPS)/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-cache

bench: $(STAMPS)/package
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

$(STAMPS)/venv:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: install Python 3.11 or newer, or set PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "weft needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Set PYTHON=python3.11, for example." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) install --upgrade 'pip>=25.1'
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/package: $(STAMPS)/venv pyproject.toml
	$(PIP) install --editable .
	@touch $@

$(STAMPS)/test $(STAMPS)/lint $(STAMPS)/guest: $(STAMPS)/%: $(STAMPS)/package
	$(PIP) install --group $*
	@touch $@

clean:
	rm -rf $(VENV) dist build examples/*/build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
