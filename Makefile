# Everything a person does with this project on one machine. `make help` lists it.
SHELL := /bin/sh
.DEFAULT_GOAL := help

UV_VERSION := 0.13.9
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# The first of these that is really Python 3.11 or 3.12 (a name on PATH alone proves nothing: it may be a shim).
PYTHON ?= $(shell for p in python3.12 python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null && echo $$p && break; done)
REQUIRE_PYTHON = "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null || \
	{ echo "No Python 3.11 or 3.12 here: install one, or say 'make PYTHON=/path/to/python3.12'." >&2; exit 1; }
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP) ## make the virtual environment from the hashed lock (the other targets do it by themselves)

.tools/bin/uv:
	@$(REQUIRE_PYTHON)
	@echo "Setting up: uv $(UV_VERSION) into .tools"
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo "$(PYTHON) has no pip: install it (Debian: apt install python3-pip), or put uv on PATH." >&2; exit 1; }
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action ignore --target .tools "uv==$(UV_VERSION)"

$(STAMP): requirements.txt pyproject.toml | $(filter .tools/bin/uv,$(UV))
	@$(REQUIRE_PYTHON)
	@echo "Setting up: virtual environment from requirements.txt"
	@$(UV) venv --quiet --clear --no-python-downloads --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
	@VIRTUAL_ENV=$(VENV) $(UV) pip sync --quiet --require-hashes requirements.txt
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: run
run: $(STAMP) ## start everything on this machine and load every seller's orders once; ONCE=1 ends after that
	@$(PY) -m include.local_stack run $(if $(ONCE),--once)

.PHONY: psql
psql: $(STAMP) ## open the warehouse as the read-only role analyst, or print its address
	@$(PY) -m include.local_stack psql

.PHONY: reload
reload: $(STAMP) ## load landed pages again without asking Amazon: SELLER=id [FROM=2026-01-01T00:00:00Z]
	@test -n "$(SELLER)" || { echo "Say whose: make reload SELLER=id [FROM=2026-01-01T00:00:00Z]" >&2; exit 1; }
	@$(PY) -m include.local_stack reload "$(SELLER)" $(if $(FROM),--from "$(FROM)")

.PHONY: authorized
authorized: $(STAMP) ## note the day a seller authorized the application, as Seller Central shows it: SELLER=id ON=2026-01-05
	@test -n "$(SELLER)" && test -n "$(ON)" || { echo "Say whose and when: make authorized SELLER=id ON=2026-01-05" >&2; exit 1; }
	@$(PY) -m include.local_stack authorized "$(SELLER)" --on "$(ON)"

.PHONY: doctor
doctor: $(STAMP) ## look whether everything is set up: credentials, addresses, mail, DAGs, clocks; changes nothing
	@$(PY) -m include.local_stack doctor

.PHONY: offboard
offboard: $(STAMP) ## let a seller go: SELLER=id DATA=keep|delete
	@test -n "$(SELLER)" && test -n "$(DATA)" || { echo "Say whom, and what becomes of the orders: make offboard SELLER=id DATA=keep (or delete)" >&2; exit 1; }
	@$(PY) -m include.local_stack offboard "$(SELLER)" --data "$(DATA)"

.PHONY: backup
backup: $(STAMP) ## write both databases and the raw pages into a new folder: TO=folder
	@test -n "$(TO)" || { echo "Say where to: make backup TO=folder" >&2; exit 1; }
	@$(PY) -m include.local_stack backup "$(TO)"

.PHONY: restore
restore: $(STAMP) ## replace both databases and the raw pages by a backup's, while nothing runs: FROM=folder
	@test -n "$(FROM)" || { echo "Say where from: make restore FROM=folder" >&2; exit 1; }
	@$(PY) -m include.local_stack restore "$(FROM)"

.PHONY: forget
forget: $(STAMP) ## delete personal data at once: SELLER=id [ORDER=amazon's id] [BY=who asked, a login or a ticket's number]
	@test -n "$(SELLER)" || { echo "Say whose: make forget SELLER=id [ORDER=303-1234567-1234567] [BY=login]" >&2; exit 1; }
	@$(PY) -m include.local_stack forget "$(SELLER)" --order "$(ORDER)" --by "$(BY)"

.PHONY: story
story: $(STAMP) ## play a lapsed authorization on this machine, each step timed and checked: .run/story.json; AWS=1 keeps all at AWS
	@$(PY) -m include.local_stack story $(if $(AWS),--aws)

# A file's tests stay together, so that what they share is made once; waiting in one file is work for another.
PARALLEL := --numprocesses=auto --maxprocesses=4 --dist=loadfile

.PHONY: test
test: $(STAMP) ## the whole suite, on real PostgreSQL and real Airflow (about 20 minutes)
	@$(PY) -m pytest $(PARALLEL) $(PYTEST_ARGS)

.PHONY: test-fast
test-fast: $(STAMP) ## the quick tests, without Airflow (about two minutes)
	@$(PY) -m pytest $(PARALLEL) -m "not airflow and not stack and not slow" -q

.PHONY: chaos
chaos: $(STAMP) ## seeded schedules of faults, judged by the truth: SEEDS=200 FROM=1 [SHRINK=1]; CLUSTER=3 plays seeds on the whole cluster
	@$(if $(CLUSTER),CHAOS_CLUSTER_FROM=$(or $(FROM),1) CHAOS_CLUSTER_SEEDS=$(CLUSTER) $(PY) -m pytest tests/chaos/test_cluster.py -q,\
		$(PY) -m tests.chaos --seeds $(or $(SEEDS),200) --from $(or $(FROM),1) $(if $(SHRINK),--shrink))

.PHONY: cluster-test
cluster-test: $(STAMP) ## the cluster of docker-compose.yaml as processes: 30 sellers, workers killed, the scheduler started anew
	@$(PY) -m pytest tests/include/local_stack/test_cluster.py -v $(PYTEST_ARGS)

.PHONY: lint
lint: $(STAMP) ## ruff, mypy, the rooms' import contracts, sellers.yaml, and the numbers of the code
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check --quiet . || { echo "Not formatted: run 'make format'." >&2; exit 1; }
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports
	@$(PY) -m include.sellers
	@$(PY) bench/code_numbers.py

.tools/audit/.installed: .ci/audit.txt $(STAMP)
	@$(UV) venv --quiet --clear --no-python-downloads --python $(PY) .tools/audit
	@VIRTUAL_ENV=.tools/audit $(UV) pip sync --quiet --require-hashes .ci/audit.txt
	@touch $@

.PHONY: audit
audit: .tools/audit/.installed ## known vulnerabilities of the pinned packages; fails where it could not check
	@$(PY) .ci/audit.py

.PHONY: format
format: $(STAMP) ## let ruff order and format the code
	@$(VENV)/bin/ruff check --fix --quiet . ; $(VENV)/bin/ruff format --quiet .

.PHONY: lock
lock: $(STAMP) ## write requirements.txt anew from pyproject.toml, as of the day after Airflow's release
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --exclude-newer 2026-09-18 \
		--extra dev pyproject.toml --output-file requirements.txt

.PHONY: dictionary
dictionary: $(STAMP) ## write docs/data_dictionary.md from the comments in the migrations
	@$(PY) -m include.local_stack dictionary

.PHONY: bench
bench: $(STAMP) ## measure, beside the peers too: BENCH=load,beside,… measures these parts; AMAZON=URL reads from there
	@$(PY) -m bench $(BENCH) $(if $(AMAZON),--amazon "$(AMAZON)")

.PHONY: clean
clean: ## delete the local data, logs and passwords (.run)
	@$(if $(wildcard $(PY)),$(PY) -m include.local_stack clean,rm -rf .run)

.PHONY: env
env: ## write .env and secrets/ for docker compose, with fresh passwords and keys
	@$(PYTHON) docker/make_env.py
