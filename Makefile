# Two commands do all the set-up on a machine with Python 3.11+ and make: `make demo` and `make test`.

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
SOURCES := pyproject.toml hatch_build.py $(wildcard protos/caloserve/v1/*.proto)
PEERS := litserve mlserver pytriton
BUF ?= npx --yes @bufbuild/buf@1.75.0

.PHONY: demo serve test bench bench-soak bench-peers lint format proto-lint dashboards requirements clean images up

demo: .venv/.demo
	$(BIN)/caloserve demo

serve: .venv/.demo
	$(BIN)/caloserve serve

test: .venv/.dev
	$(BIN)/pytest

# How fast it is, in about five minutes; `make bench OPTIONS=--record` adds the table to docs/benchmarks.md.
bench: .venv/.dev
	PYTHONPATH=tests/bench $(BIN)/python -m caloserve_bench ours --json output/bench.json $(OPTIONS)

# Ten minutes of many small requests: does memory grow?
bench-soak: .venv/.dev
	PYTHONPATH=tests/bench $(BIN)/python -m caloserve_bench soak --json output/bench-soak.json $(OPTIONS)

# The same model behind other Python model servers, each installed in an environment of its own.
bench-peers: .venv/.dev $(PEERS:%=.venv/peers/%/.installed)
	PYTHONPATH=tests/bench $(BIN)/python -m caloserve_bench peers --json output/bench-peers.json $(OPTIONS)

lint: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: .venv/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Needs Node.js.
proto-lint:
	cd protos && $(BUF) lint

# Grafana's dashboards, from deploy/grafana/boards.
dashboards: .venv/.dev
	$(BIN)/python deploy/grafana/build.py

# What each installation needs, pinned with hashes.
requirements: .venv/.uv
	./requirements/compile $(UV)

.venv/peers/%/.installed: tests/bench/peers/requirements/%.txt .venv/.uv
	$(UV) venv --quiet --clear .venv/peers/$*
	$(UV) pip install --quiet --require-hashes --python .venv/peers/$*/bin/python -r $<
	touch $@

clean:
	rm -rf .venv

.venv/.uv: requirements/uv.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	touch $@

# The demonstration's packages are among the developer's, so that the one never undoes the other.
.venv/.demo: .venv/.uv requirements/demo.txt $(SOURCES)
	test -f .venv/.dev || $(UV) pip install --quiet --require-hashes -r requirements/demo.txt
	$(UV) pip install --quiet --no-deps --editable .
	touch $@

.venv/.dev: .venv/.uv requirements/dev.txt $(SOURCES)
	$(UV) pip install --quiet --require-hashes -r requirements/dev.txt
	$(UV) pip install --quiet --no-deps --editable .
	touch $@

# The images of all services; `make up` runs them with Prometheus and Grafana. Needs Docker; see docs/deployment.md.
images:
	docker compose build eplus gamma piplus router

up:
	docker compose up
