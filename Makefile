# The project's commands. Everything runs from .venv, which `make setup` builds from the locked requirements.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp

.PHONY: setup serve test test-all check bench lock clean

setup: $(STAMP)

$(STAMP): requirements.lock requirements-dev.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

serve: setup
	$(BIN)/voxgate serve

test: setup
	tests/packages.sh
	$(BIN)/python -m pytest -m "not long" --numprocesses 3 --dist loadfile

test-all: setup
	tests/packages.sh node:nodejs npm:npm unshare:util-linux ip:iproute2 chromium:chromium
	tests/clients/install.sh
	VOXGATE_LONG=1 $(BIN)/python -m pytest

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python -m tests.bench

# Maintainers: make the locks anew (needs network and nothing installed by hand).
lock:
	$(PYTHON) -m venv $(VENV)-lock && $(VENV)-lock/bin/pip install --quiet uv
	$(VENV)-lock/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --all-extras pyproject.toml -o requirements.lock
	$(VENV)-lock/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --all-extras --group dev --constraint requirements.lock requirements-build.in pyproject.toml -o requirements-dev.lock
	$(VENV)-lock/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --constraint requirements-dev.lock requirements-build.in -o requirements-build.lock
	$(VENV)-lock/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 tests/clients/requirements-clients.in -o tests/clients/requirements-clients.lock
	npm --prefix tests/clients install --package-lock-only --omit-lockfile-registry-resolved
	rm -rf $(VENV)-lock

clean:
	rm -rf $(VENV) $(VENV)-clients tests/clients/node_modules build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
