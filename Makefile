# Two commands matter: `make up` runs everything, `make test` proves it. Each makes its own .venv.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: install up test check format thespian simulate fuzz chaos soak bench bench-full autobahn clean

install: $(VENV)/.dev-installed

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "understudy needs Python 3.11 or later; set PYTHON=/path/to/python3.x"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[voice]'
	@touch $@

$(VENV)/.dev-installed: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[voice,dev]'
	@touch $@ $(VENV)/.installed

$(VENV)/.bench-installed: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[voice,bench]'
	@touch $@ $(VENV)/.installed

up: $(VENV)/.installed
	$(BIN)/understudy up

test: $(VENV)/.dev-installed
	$(BIN)/python -m pytest

check: $(VENV)/.dev-installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev-installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Thespian's own test suite, run on our system base. It takes minutes, so `make test` leaves it out.
thespian: $(VENV)/.dev-installed
	$(BIN)/python -m tests.thespian_suite

# Whole gateways with callers and agents under a virtual clock; a failing seed is printed with its log.
# JOBS=0 uses every core; the result is the same.
SEEDS      ?= 1000
SEED_START ?= 0
JOBS       ?= 0
simulate: $(VENV)/.dev-installed
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --start $(SEED_START) --jobs $(JOBS)

# A real gateway, real agents and live calls, all of them broken by a seed's schedule; ends with a table.
CHAOS_SECONDS ?= 600
CHAOS_CALLS   ?= 200
CHAOS_SEED    ?= 1
chaos: $(VENV)/.dev-installed
	$(BIN)/python -m tests.chaos --seconds $(CHAOS_SECONDS) --calls $(CHAOS_CALLS) --seed $(CHAOS_SEED)

# Calls opened, talked through and closed in one gateway; fails where anything stays behind.
SESSIONS ?= 100000
soak: $(VENV)/.dev-installed
	$(BIN)/python -m benchmarks.soak --sessions $(SESSIONS)

# Our figures beside the peers', in one run; what lies in build/bench says which machine. Leave the machine alone for it.
bench: $(VENV)/.bench-installed
	$(BIN)/python -m benchmarks --out build/bench

bench-full: $(VENV)/.bench-installed
	$(BIN)/python -m benchmarks --full --out build/bench

# New inputs for everything that reads a peer's bytes, guided by coverage; what is found lies in var/fuzz.
FUZZ_SECONDS ?= 60
fuzz: $(VENV)/.dev-installed
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

# The Autobahn suite through our sockets and relay; needs a Python 2.7, and says so where there is none.
autobahn: $(VENV)/.dev-installed
	$(BIN)/python -m tests.autobahn

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
