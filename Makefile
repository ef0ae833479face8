# The verbs of this repository, the same for a person and for CI. Each sets up what it needs, once.
#
#   make demo    certify the twin of an example network and write germane-demo/
#   make test    run every test                          EXTRAS=all: with every optional extra
#   make check   lint, format, types, floor plan, public names
#   make bench   run every benchmark
#   make docs    build the documentation into docs/_build/html
#   make clean   remove whatever the verbs above have made
#
# PYTHON=python3.12 names another interpreter, for a .venv that is not there yet.

PYTHON ?= python3
EXTRAS ?= test
WORKERS ?= 2
ARGS ?=

BIN := .venv/bin
WITH := .venv/.with-

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test check bench docs clean

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: $(WITH)core
	$(BIN)/germane demo --out germane-demo

test: $(WITH)$(or $(EXTRAS),test)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

check: $(WITH)check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src
	$(BIN)/python -m pytest -q tests/test_floor_plan.py tests/test_public_names.py

bench: $(WITH)test
	@set -e; for bench in $(sort $(wildcard benchmarks/bench_*.py)); do \
		echo "$$bench"; $(BIN)/python "$$bench" $(ARGS); done

docs: $(WITH)docs
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

clean:
	rm -rf .venv build dist germane-demo docs/_build docs/reference/generated
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find src tests benchmarks docs examples -name __pycache__ -prune -exec rm -rf {} +

# The set-up: one stamp for the environment, one for each set of extras installed in it.

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "germane needs Python 3.11 or later, which '$(PYTHON)' is not:" \
			"name one that is, as in 'make PYTHON=python3.12 $(MAKECMDGOALS)'." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

$(WITH)%: pyproject.toml | .venv/.made
	@echo "Installing germane ($*) into .venv, once: this takes a minute or two."
	@$(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check \
		--editable '.$(if $(filter core,$*),,[$*])'
	@touch $@
