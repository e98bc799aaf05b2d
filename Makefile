# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test test-all lint clean

help:
	@echo "make demo   set up, then compare our own methods on embedded data (no network after installation)"
	@echo "make test   set up, then run the test suite; make test-all: with its slow part, too"
	@echo "make lint   set up, then ruff and mypy"
	@echo "make clean  remove the virtual environment and caches"

demo: $(VENV)/.installed
	$(BIN)/python main.py --multirun experiment=demo 'model=glob(*,exclude=roberta_peft*)'

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder -m "not slow"

test-all: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache
