# `make demo` runs the main job, `make test` runs the tests. Both set up what
# they need on the first call and install nothing on the second.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export OMP_NUM_THREADS ?= 1
# Two processes, each with whole files of tests, those that take long first.
PYTEST ?= -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-all test-lowest lint format doctor clean
.DEFAULT_GOAL := test

$(STAMP): pyproject.toml setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -q -e '.[all]'
	touch $@

demo: $(STAMP)
	$(BIN)/python tools/demo.py

test: $(STAMP)
	$(BIN)/python -m pytest $(PYTEST) -m 'not slow' tests

test-all: $(STAMP)
	$(BIN)/python -m pytest $(PYTEST) tests

# The oldest torch that is supported, in an environment that is removed.
test-lowest: $(STAMP)
	$(BIN)/python -m nox -s lowest --force-python $(PYTHON)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

doctor: $(STAMP)
	$(BIN)/python -m cds_mm.doctor

clean:
	rm -rf $(VENV) *.egg-info build
