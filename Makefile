# Ieum. `make` alone prints help; `make check`, `make test` and `make test-all` are what CI runs. Whoever runs Ieum or
# looks after it has the command `ieum` (.venv/bin/ieum here); what only its developers need stands in CONTRIBUTING.md.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PY := .venv/bin/python
IEUM := $(PY) -m tools.command

.PHONY: help venv demo up down check test test-all t engines engines-down chaos torture bench format docs lock

help: ## this help
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nEverything else: .venv/bin/ieum --help\nSettings are environment variables; the launcher'"'"'s own: tools/local/settings.py\n'

venv:
	@tools/local/venv.sh

##@ Run it
demo: venv ## everything up, a bad week of reports through it, a live view (DEMO=once: stop by itself)
	@$(IEUM) demo

up: venv ## start engines and services in the background
	@$(IEUM) up

down: venv ## stop them
	@$(IEUM) down

##@ Check it
check: venv ## format, lint, types, import rules, generated documents (a minute)
	@tools/local/check.sh

test: venv ## every kind of proof, in eight minutes (S=routing: what tells that this service is whole)
	@$(PY) -m tools.testing test $(if $(S),--service '$(S)')

test-all: venv ## all other tests but the long ones, and mutants of changed lines of rules (twenty minutes; BASE=v1.0.0: since then)
	@$(PY) -m tools.testing test-all
	@$(PY) -m tests.mutation --changed $(BASE)

engines: venv ## keep a broker and a store running for tests (make engines-down stops them)
	@$(PY) -m tools.testing engines

engines-down: venv ## stop the engines kept for tests
	@$(PY) -m tools.testing engines-down

t: venv ## tests that match, against the kept engines (K='withdraw and not page')
	@$(PY) -m tools.testing matching '$(or $(K),$(error say which: make t K=expression))'

chaos: venv ## break everything once while people report, with one broker and three, and check every promise (five to ten minutes; SEED=1)
	@$(PY) -m tests.chaos $(if $(SEED),--seed $(SEED))

torture: venv ## the same and more for hours: ownership, routing, wrong bodies, attacks on what is published, mutants of every rule (resumable, var/torture)
	@IEUM_OWNERSHIP_EXAMPLES=$${IEUM_OWNERSHIP_EXAMPLES:-300} $(PY) -m pytest tests/integration/ownership -q --show-capture=no
	@$(PY) -m tests.integration.routing.torture
	@$(PY) -m tests.integration.routing.torture --broken
	@IEUM_SCHEMA_TIMES=$${IEUM_SCHEMA_TIMES:-10} $(PY) -m pytest tests/integration/intake/test_schema.py -q --show-capture=no
	@$(PY) -m tests.integration.intake.torture
	@$(PY) -m tests.chaos long --faults $${IEUM_CHAOS_FAULTS:-200} --reports $${IEUM_CHAOS_REPORTS:-20000}
	@$(PY) -m tests.chaos planted
	@$(PY) -m tests.kill.edges_torture
	@$(PY) -m tests.disclosure.decade --years $${IEUM_ATTACK_YEARS:-10} --per-day 28
	@$(PY) -m tests.disclosure.decade --years 1 --per-day 6
	@$(PY) -m tests.mutation

bench: venv ## measure beside plain loops on the same engines, result in var/bench
	@$(PY) -m tests.performance

##@ Work on it
format: venv ## format and fix what can be fixed
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

docs: venv ## write the generated documents (event schemas, AsyncAPI, OpenAPI)
	@$(PY) -m tools.docs_generation

lock: venv ## resolve dependencies and Kafka's jars anew
	@tools/local/lock.sh
