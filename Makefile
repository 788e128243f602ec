# Two commands for a newcomer: `make demo` and `make test`. Each sets up everything it needs.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed-

.PHONY: demo test bench lint format docs clean

demo: $(STAMP)demo
	$(BIN)/kubelogic plan fixtures/shop || test $$? -eq 1

test: $(STAMP)test
	$(BIN)/python -m pytest -n auto -m "not slow and not benchmark"

bench: $(STAMP)dev
	$(BIN)/python -m pytest -m benchmark tests/benchmarks -s

lint: $(STAMP)dev
	$(BIN)/ruff check kubelogic tests
	$(BIN)/ruff format --check kubelogic tests
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/kubelogic rules check
	$(BIN)/kubelogic rules doc docs/reference --check

format: $(STAMP)dev
	$(BIN)/ruff check --fix kubelogic tests
	$(BIN)/ruff format kubelogic tests

docs: $(STAMP)dev
	$(BIN)/kubelogic rules doc docs/reference

$(STAMP)%: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.$(if $(filter-out demo,$*),[$*])'
	@touch $@

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
