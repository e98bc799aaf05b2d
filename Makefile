# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# The suite as it runs everywhere, on the interpreter of the environment that is to be tested.
SUITE := -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder
# --no-input: an index that asks for a password is an error and no question.
PIP := -m pip install --quiet --disable-pip-version-check --no-input
# The newest versions that requirements*.txt admit, beside the locked ones.
NEWEST := .venv-newest

.PHONY: help demo test test-all test-newest lock lint docs clean

help:
	@echo "make demo   set up, then a small study on embedded data, with its verdict (no network after installation)"
	@echo "make test   set up, then run the test suite; make test-all: with its slow part, too"
	@echo "make lint   set up, then ruff and mypy"
	@echo "make docs   the pages as a site, in site/; a dead link is an error"
	@echo "make test-newest   the suite with the newest packages that requirements*.txt admit, not the locked ones"
	@echo "make lock   the same, then lock the versions that passed: writes constraints.txt"
	@echo "make clean  remove the virtual environments and caches"

demo: $(VENV)/.installed
	$(BIN)/python -m src study demo

test: $(VENV)/.installed-dev
	$(BIN)/python $(SUITE) -m "not slow"

test-all: $(VENV)/.installed-dev
	$(BIN)/python $(SUITE)

test-newest:
	$(MAKE) $(NEWEST)/bin/python VENV=$(NEWEST)
	$(NEWEST)/bin/python $(PIP) --upgrade --upgrade-strategy eager -r requirements-dev.txt -r requirements-sweep.txt -r requirements-docs.txt
	$(NEWEST)/bin/python $(SUITE) -m "not slow"

# Without the suffix of torch's build and the packages that only a CUDA build of it asks for: any build fits.
lock: test-newest
	@echo "# Every package, direct and indirect, at the version that the suite passed with; written by make lock." > constraints.txt
	@echo "# For: python -m pip install -r requirements.txt -c constraints.txt" >> constraints.txt
	$(NEWEST)/bin/python -m pip freeze | sed 's/+.*//' | grep -Ev '^(cuda|nvidia|triton)' >> constraints.txt

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Needs none of the framework's own packages.
docs: $(VENV)/.installed-docs
	$(BIN)/mkdocs build --strict

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt constraints.txt | $(VENV)/bin/python
	$(BIN)/python $(PIP) -r requirements.txt -c constraints.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements-peft.txt $(VENV)/.installed
	$(BIN)/python $(PIP) -r requirements-dev.txt -c constraints.txt
	@touch $@

$(VENV)/.installed-docs: requirements-docs.txt constraints.txt | $(VENV)/bin/python
	$(BIN)/python $(PIP) -r requirements-docs.txt -c constraints.txt
	@touch $@

clean:
	rm -rf $(VENV) $(NEWEST) site .pytest_cache .ruff_cache .mypy_cache
