# Ieum. `make` alone prints help; `make check`, `make test` and `make test-all` are what CI runs.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PY := .venv/bin/python
LOCAL := $(PY) -m tools.local
BUILDAH ?= buildah
IMAGE ?= localhost/ieum

.PHONY: doctor dashboards image test-image runbooks help venv demo demo-code up down status logs redrive republish replay-decisions recount rebuild revise load-history check-tables attack k-anonymity admin client callback rotate-key rotate-receipt-key rotate-secrets check-reports sign-reports rotate-signing-key \
	verify-audit verify-proof secrets check sandbox conformance format test test-all t engines engines-down repeat planted simulate-surge bench bench-analytics bench-console bench-intake bench-notify bench-routing bench-system chaos chaos-long chaos-planted chaos-page torture screenshots docs lock clean

help: ## this help
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nSettings are environment variables; the launcher'"'"'s own: tools/local/settings.py\n'

venv:
	@tools/local/venv.sh

##@ Run it
demo: venv ## everything up, a bad week of reports through it, a live view (DEMO=once: stop by itself)
	@$(PY) -m tools.demo

demo-code: venv ## the demo's accounts with the sign-in codes that count now
	@$(PY) -m tools.demo.codes

up: venv ## start engines and services in the background
	@$(LOCAL) up

down: venv ## stop them
	@$(LOCAL) down

status: venv ## each process: pid, port, health, restarts
	@$(LOCAL) status

doctor: venv ## what is wrong with what runs here, in plain words (JSON=1; exit 1: something is)
	@$(PY) -m tools.doctor $(if $(JSON),--json)

logs: venv ## follow the logs (S=routing: only that process)
	@$(LOCAL) logs $(S)

redrive: venv ## return dead records of a topic to it (T=reports; LIST=1: only list them)
	@$(LOCAL) in redrive shared.kafka.dead_letters $(if $(LIST),list,redrive) --topic '$(or $(T),$(error say which: make redrive T=reports))'

republish: venv ## tell anew what is true of reports whose dead record was sent back too late (ID="…")
	@$(LOCAL) in intake services.intake.submissions.republish $(or $(ID),$(error say which: make republish ID="…"))

replay-decisions: venv ## decide every decision in the log again (FROM=2026-11-01 TO=2026-11-30)
	@$(LOCAL) in reader services.routing.assignment.cli $(if $(FROM),--from '$(FROM)') $(if $(TO),--to '$(TO)') $(if $(TABLES),--tables '$(TABLES)')

recount: venv ## add the log of routings up again and compare with the sums routing tells (exit 1: they differ)
	@$(LOCAL) in recount services.routing.recount

rebuild: venv ## count the whole log anew beside analytics, compare, swap (ACCEPT=1: although cells differ; BACK=1; AS_OF=release)
	@$(LOCAL) in analytics services.analytics.counting.rebuild $(if $(ACCEPT),--accept) $(if $(BACK),--back) $(if $(AS_OF),--as-of '$(AS_OF)')

revise: venv ## release a wrong month once more, counted again as of its closing (MONTH=2026-11 KO='…' EN='…': why; DRY=1: only prove)
	@$(LOCAL) in analytics services.analytics.releases.revise '$(or $(MONTH),$(error say which: make revise MONTH=2026-11 KO=… EN=…))' --why-ko "$${KO:-}" --why-en "$${EN:-}" $(if $(DRY),--dry-run)

load-history: venv ## take published yearly figures into analytics, all or nothing (FILE=services/analytics/data/published-figures.csv)
	@$(LOCAL) in analytics services.analytics.dashboard.load_history '$(or $(FILE),$(error say which: make load-history FILE=services/analytics/data/published-figures.csv))'

check-tables: venv ## whether a folder of divisions, centres and catchments would be taken (DIR=…), and every fault if not
	@$(PY) -m shared.centers $(or $(DIR),$(error say which: make check-tables DIR=folder))

##@ Who may do what (while it runs)
admin: venv ## the first administrator: prints a one-time invitation (O=ministry, or a centre; A=name; ANOTHER=1)
	@$(LOCAL) in identity services.identity.cli administrator --organisation $(or $(O),ministry) $(if $(A),--name $(A)) $(if $(ANOTHER),--another)

client: venv ## a front end for the API: prints its credential once (N=name S="reports:submit receipts:read" CALLBACK=https://…)
	@$(LOCAL) in intake services.intake.clients add $(or $(N),$(error say which: make client N=name)) $(addprefix --scope ,$(S)) $(if $(CALLBACK),--callback '$(CALLBACK)')

callback: venv ## where a front end is told how reports stand (N=name URL=https://… | OFF=1 | ROTATE=1 | END_OLD=1)
	@$(LOCAL) in intake services.intake.clients callback $(or $(N),$(error say which: make callback N=name URL=https://…)) $(if $(URL),--url '$(URL)') $(if $(OFF),--off) $(if $(ROTATE),--rotate) $(if $(END_OLD),--end-old)

rotate-key: venv ## a new master key for reports; every report's key is wrapped anew while it runs
	@$(LOCAL) rotate-key

rotate-receipt-key: venv ## a new key for new receipts while it runs; receipts given out go on
	@$(LOCAL) rotate-receipt-key

rotate-secrets: venv ## new passwords for every user of the engines while it runs; processes restart one after the other
	@$(LOCAL) rotate-secrets

check-reports: venv ## prove that no stored report was changed by hand
	@$(LOCAL) in intake services.intake.encryption.authenticate check

sign-reports: venv ## sign changed reports that were looked at, as they are (ID="…")
	@$(LOCAL) in intake services.intake.encryption.authenticate sign $(or $(ID),$(error say which: make sign-reports ID="…"))

rotate-signing-key: venv ## a new key for sign-ins; NOW=1: the old one counts no more, everybody signs in again
	@$(LOCAL) in identity services.identity.cli rotate-signing-key $(if $(NOW),--at-once)

verify-audit: venv ## prove that no line of the audit was altered, removed or reordered
	@$(LOCAL) in notify shared.audit verify

verify-proof: venv ## check a proof with the published key alone (FILE=… KEY=proof-key.json)
	@$(PY) -m services.intake.proofs.cli $(or $(FILE),$(error say which: make verify-proof FILE=proof.txt KEY=proof-key.json)) --key $(or $(KEY),proof-key.json)

secrets: venv ## print the local secrets: whoever has them reads every report stored here
	@$(LOCAL) secrets

##@ Keep it
.PHONY: backup verify-backup forecast restore
backup: venv ## an encrypted archive of stores, topics and offsets while it runs (TO=folder KEYS=folder; by default backups and backup-keys below IEUM_VAR_DIR)
	@$(PY) -m tools.backup take $(if $(TO),--to '$(TO)') $(if $(KEYS),--keys '$(KEYS)')

verify-backup: venv ## read a whole archive and compare it with its manifest (FROM=archive KEYS=folder)
	@$(PY) -m tools.backup verify '$(or $(FROM),$(error say which: make verify-backup FROM=archive))' $(if $(KEYS),--keys '$(KEYS)')

forecast: venv ## how much disk the years will take, from an archive of what runs here (FROM=archive KEYS=folder PER_DAY=28.2)
	@$(PY) -m tools.backup forecast '$(or $(FROM),$(error say which: make forecast FROM=archive))' $(if $(KEYS),--keys '$(KEYS)') $(if $(PER_DAY),--per-day $(PER_DAY))

restore: venv ## put an archive into an empty installation, erasures replayed (FROM=archive KEYS=folder REGISTER=folder; NO_REGISTER=1)
	@$(PY) -m tools.backup restore '$(or $(FROM),$(error say which: make restore FROM=archive KEYS=folder REGISTER=folder))' $(if $(KEYS),--keys '$(KEYS)') $(if $(NO_REGISTER),--without-register,--register '$(or $(REGISTER),$(error say where the erasure register is: REGISTER=folder))')

##@ Check it
check: venv ## format, lint, types, import rules, generated documents (a minute)
	@tools/local/check.sh

audit: venv ## bill of materials (CycloneDX), licences and known vulnerabilities of the locked packages (var/audit-of-packages)
	@tools/audit.sh

sandbox: venv ## try a front end out: starts what does not run, prints address, credential and a first drill (CALLBACK=http://127.0.0.1:9000/)
	@$(PY) -m tools.sandbox $(if $(CALLBACK),--callback '$(CALLBACK)')

conformance: venv ## does a server speak the intake API (URL=http://127.0.0.1:8001 CREDENTIAL=file; sends drills)
	@PYTHONPATH=clients/python $(PY) -m ieum_client.conformance $(or $(URL),$(error say which: make conformance URL=http://127.0.0.1:8001 CREDENTIAL=file)) $(if $(CREDENTIAL),--credential-file $(CREDENTIAL))

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

repeat: venv ## `make test` N times in random order; names what was not always green (N=10 HOG=1 CLOCK=year P=tests/browser W=1)
	@$(PY) -m tools.testing repeat --times $(or $(N),10) $(if $(HOG),--hog) $(if $(CLOCK),--clock) $(if $(W),--workers $(W)) $(P)

planted: venv ## plant every fault of tests/planted and see that a test catches it (F=name: only those)
	@$(PY) -m tools.testing planted $(F)

chaos: venv ## break everything once while people report, with one broker and three, and check every promise (five to ten minutes; SEED=1)
	@$(PY) -m tests.chaos $(if $(SEED),--seed $(SEED))

chaos-long: venv ## the same for hours; goes on where it was stopped (FAULTS=200 REPORTS=100000 SEED=1, results in var/chaos)
	@$(PY) -m tests.chaos long --faults $(or $(FAULTS),200) --reports $(or $(REPORTS),100000) $(if $(SEED),--seed $(SEED))

chaos-planted: venv ## builds that are wrong on purpose, each of which the checker must find (F=name: only that one)
	@$(PY) -m tests.chaos planted $(if $(F),--only '$(F)')

chaos-page: venv ## write what `make chaos-long` found into the documentation
	@$(PY) -m tests.chaos page
	@$(PY) -m tools.docs_generation

torture: venv ## ownership under many interleavings, routing under fire, 100,000 wrong bodies, everything broken 200 times, ten years of releases under attack, mutants of every rule (resumable, var/torture)
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

attack: venv ## try to undo what is published: ten made-up years, or everything a running service has (URL=http://127.0.0.1:8004 TOKEN=file)
	@$(if $(URL),$(PY) -m tools.disclosure_attack var/attack/published --from $(URL) $(if $(TOKEN),--token-file '$(TOKEN)'),$(PY) -m tests.disclosure.decade --years $(or $(YEARS),10) --per-day $(or $(PER_DAY),28))

simulate-surge: venv ## a week of 10 times as many reports from one province, and 3 times everywhere (P=busan X=5 SEED=2 SEEDS=20; X at most 1000)
	@$(PY) -m tools.simulation $(if $(P),--province '$(P)') $(if $(X),--times '$(X)') $(if $(SEED),--seed '$(SEED)') $(if $(SEEDS),--seeds '$(SEEDS)')

k-anonymity: venv ## how many reports on the log are alone with all somebody may know of them, by place (YEARS=10)
	@$(PY) -m tools.k_anonymity $(if $(YEARS),--years $(YEARS))

bench: venv ## measure beside plain loops on the same engines, result in var/bench
	@$(PY) -m tests.performance

bench-intake: venv ## intake beside an endpoint that only validates: rate, slowest answers, memory after N reports (N=100000)
	@$(PY) -m tests.performance.bench_intake --reports $(or $(N),100000)

bench-routing: venv ## routing beside plain loops: speed, latency, memory, history, restart (H=1000000: with such a history)
	@$(PY) -m tests.performance.bench_routing $(if $(H),--history $(H)) $(if $(R),--rounds $(R))

bench-notify: venv ## the escalation: due steps told per second with 100,000 waiting
	@$(PY) -m tests.performance.bench_notify

bench-system: venv ## the whole system at 10, 40 and 80 reports a second: CPU per process, the store's CPU by command, writes and requests to Kafka per report, how long each step takes (RATES="10 40" SECONDS=30)
	@$(PY) -m tests.performance.bench_system $(if $(RATES),--rates $(RATES)) $(if $(SECONDS),--seconds $(SECONDS))

bench-analytics: venv ## counting beside the store's own rate and beside only reading; a rebuild of N events with its memory; pages and exports over so many (N=1000000 PAGES=10000000)
	@$(PY) -m tests.performance.bench_analytics --rebuild $(or $(N),1000000) --pages $(or $(PAGES),1000000)

bench-console: venv ## routed to shown in an open console with 200 of them, memory of each, one that reads nothing (RATE=10: so many a second instead of 50)
	@$(PY) -m tests.performance.bench_console $(if $(R),--rounds $(R)) $(if $(RATE),--rate $(RATE))

image: ## build the image with buildah, as root (BASE=image with Python and pip, see deploy/docker/base.sh)
	@STORAGE_DRIVER=$${STORAGE_DRIVER:-vfs} $(BUILDAH) bud --isolation chroot $(if $(BASE),--build-arg BASE='$(BASE)') $(BUILD_OPTIONS) -t $(IMAGE) -f deploy/docker/Dockerfile .

test-image: venv ## start a service from the image: read-only root, its own user, the locked packages (needs root and buildah)
	@BUILDAH='$(BUILDAH)' IMAGE='$(IMAGE)' $(PY) -m pytest tests/image/started.py -q

dashboards: venv ## a real Prometheus over the running stack: every panel's query returns data, every rule is evaluated (needs prometheus)
	@$(PY) -m tools.monitoring

runbooks: venv ## try runbooks against their faults: each fault on a stack of its own, its alert on a real Prometheus, its commands, its end (twenty-five minutes; needs prometheus and prometheus-alertmanager)
	@$(PY) -m pytest tests/runbooks/tried.py -q -p no:randomly $(if $(K),-k '$(K)')

##@ Work on it
format: venv ## format and fix what can be fixed
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

docs: venv ## write the generated documents (event schemas, AsyncAPI, OpenAPI)
	@$(PY) -m tools.docs_generation

screenshots: venv ## make the README's pictures (needs `make demo` in another terminal)
	@$(PY) -m tests.browser.dashboard_picture
	@$(PY) -m tools.screenshots

lock: venv ## resolve dependencies and Kafka's jars anew
	@tools/local/lock.sh

clean: venv ## remove data, logs and results (secrets stay)
	@$(LOCAL) clean
