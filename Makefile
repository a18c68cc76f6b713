# Short names for longer commands. `make` alone lists them.

SHELL := /bin/bash
# Which Python the tools get: 3.10 or later.
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
LAMBDA_ADDRESS := -A 127.0.0.1 -P 9000

.DEFAULT_GOAL := help
.PHONY: help run test lint fuzz audit advisories sbom mutants journey aws sdk samples openapi browser lambda lambda-watch \
	lambda-sweep e2e deploy show resend forget disable enable restore rollback bench bench-cold bench-first bench-lists bench-all \
	bench-long bench-render profile ci

help: ## List what can be made
	@grep -E '^[a-z0-9-]+:.*##' Makefile | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 22

run: ## Run everything on this machine: functions, emulator of Alipay, demo merchant
	cargo run

test: ## Every test that needs nothing but Rust
	cargo test --workspace

lint: ## Check format and lints
	cargo fmt --check
	cargo clippy --workspace --features tests/aws-emulator --all-targets -- -D warnings

MINUTES ?= 0
CASES ?= 1000000
fuzz: ## Fuzz what others write, each target for a round of CASES, then for MINUTES: TARGETS="fuzz::texts::link_tokens …"
	tests/scripts/fuzz.sh '$(MINUTES)' '$(CASES)' $(TARGETS)

audit: .venv/installed ## Licences, banned crates and sources of every dependency
	cargo deny --locked check licenses bans sources

advisories: .venv/installed ## Known weaknesses of the dependencies, by RustSec's database on GitHub
	cargo deny --locked check advisories

TOOLS := target/tools
sbom: $(TOOLS)/bin/cargo-cyclonedx ## A bill of materials of each function as it is deployed, in target/sbom
	PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" deploy/sbom.sh target/sbom $(FUNCTIONS)

mutants: $(TOOLS)/bin/cargo-mutants ## Change what signs, decides and limits, and see if a test notices: ARGS="--re model/claim --shard 1/4"
	$(TOOLS)/bin/cargo-mutants mutants --package shared --output target $(ARGS)

$(TOOLS)/bin/cargo-cyclonedx:
	cargo install --locked --root $(TOOLS) cargo-cyclonedx@0.5.9

$(TOOLS)/bin/cargo-mutants:
	cargo install --locked --root $(TOOLS) cargo-mutants@27.1.0

journey: ## One journey by HTTP on a fresh host; OpenSSL verifies the callback
	tests/scripts/journey.sh

.PHONY: first-hour
first-hour: ## Every command of docs/first-hour.md, on a fresh host
	tests/scripts/first_hour.sh

.PHONY: storm
# SEED=… repeats the plan of an earlier one; ARGS="--help" lists what else can be said.
storm: ## 10,000 authorizations while processes, gateway and merchants fail, reconciled at the end: SEED=…
	tests/scripts/storm.sh --authorizations 10000 --seconds 360 --patience 240 $(if $(SEED),--seed '$(SEED)') $(ARGS)

aws: .venv/installed .venv-checkov/installed .venv-emulator/installed ## The template, and what is made of AWS against an emulator of it
	tests/scripts/aws.sh

sdk: .venv/installed .venv-sdk/installed tests/sdk/node_modules/installed ## The official SDKs: Alipay's against its emulator, Alibaba Cloud's against us
	tests/scripts/sdk.sh
	tests/scripts/alibaba_sdk.sh

samples: .venv-merchants/installed ## The samples in seven languages against a fresh host
	PYTHONPATH=tests/e2e .venv-merchants/bin/python -m pytest -q -p no:cacheprovider -p no:schemathesis --rootdir tests/samples tests/samples

openapi: .venv-merchants/installed tests/openapi/node_modules/installed ## The OpenAPI document and Postman's collection, and requests made from the document
	PYTHONPATH=tests/e2e .venv-merchants/bin/python -m pytest -q -p no:cacheprovider -p no:schemathesis --rootdir tests/openapi tests/openapi

browser: ## The journey in headless Chromium; pictures in target/screenshots
	tests/scripts/browser.sh

lambda: .venv/installed-for-deploy ## The functions under cargo lambda: event files and one journey
	tests/scripts/lambda.sh

# Its counterpart in another terminal, started first: cargo run -- --authlink http://127.0.0.1:9000
lambda-watch: .venv/installed-for-deploy ## Serve the functions by cargo lambda on port 9000
	cargo lambda watch --features embedded $(LAMBDA_ADDRESS) --ignore-changes --env-file .authlink/lambda.env

lambda-sweep: .venv/installed-for-deploy ## Have the functions on port 9000 deliver what is due
	cargo lambda invoke $(LAMBDA_ADDRESS) openid-delivery --data-file functions/openid-delivery/events/sweep.json

e2e: .venv/installed .venv-emulator/installed .venv-sdk/installed ## Build, deploy to a local emulator of AWS, and go through every journey there
	.venv/bin/pytest -q -p no:cacheprovider tests/e2e

# ARGS="--help" lists what can be said beforehand; ARGS="--yes …" asks nothing.
deploy: .venv/installed-for-deploy ## Build and deploy to AWS, make keys and the first callers, try them
	@.venv/bin/python deploy/deploy.py $(ARGS)

# AUTHLINK=authlink takes the program that is installed, AUTHLINK=PATH another; so is the installed one taken where
# there is no compiler. Else it is this checkout's, and cargo builds what has changed.
AUTHLINK ?= $(if $(shell command -v cargo),,$(shell command -v authlink))
CLI := $(or $(AUTHLINK),target/debug/authlink)

.PHONY: cli
cli: ## Build the program authlink, for the commands below; `cargo install --path local` installs it
ifeq ($(AUTHLINK),)
	@test -e $(CLI) || echo "building the command; the first time takes some minutes" >&2
	@$(PYTHON) deploy/compiler.py cargo build --quiet --locked --bin authlink
else
	@command -v '$(CLI)' >/dev/null || { echo "AUTHLINK: there is no program $(CLI)" >&2; exit 1; }
endif

STACK ?= authlink
# ARGS="--region … --profile …" says where else the stack is; --json is for programs.
WHICH = --stack '$(STACK)' $(if $(SERIAL_NO),--serial-no '$(SERIAL_NO)') \
	$(if $(BUSINESS_ID),--business-id '$(BUSINESS_ID)') $(if $(REFERENCE),--reference '$(REFERENCE)')

show: cli ## What became of one authorization: STACK=… SERIAL_NO=… BUSINESS_ID=…, or REFERENCE=…
	@$(CLI) authorizations show $(WHICH) $(ARGS)

resend: cli ## Deliver once more: STACK=… and as for show; or BUSINESS_ID=…, SCHEME_ID=… or ALL=1 for what is UNDELIVERABLE
	@$(CLI) authorizations resend $(WHICH) \
		$(if $(SCHEME_ID),--scheme-id '$(SCHEME_ID)') $(if $(ALL),--all) $(ARGS)

forget: cli ## Forget the person of one authorization, for good: STACK=… and as for show
	@$(CLI) authorizations forget $(WHICH) $(ARGS)

# Another moment than the latest: AT=2026-11-29T06:30:00Z. ARGS="--to TABLE" names the new table, --yes asks nothing.
restore: .venv/installed-for-deploy ## Bring the records back to a point in time, in a new table, and use it: STACK=… AT=…
	@.venv/bin/python deploy/restore.py --stack '$(STACK)' $(if $(AT),--at '$(AT)') $(ARGS)

rollback: .venv/installed-for-deploy ## Lead all calls back to the release before, or to another: STACK=… TO=…
	@.venv/bin/python deploy/rollback.py --stack '$(STACK)' $(if $(TO),--to '$(TO)') $(ARGS)

PARTY = $(if $(BUSINESS),business $(1) '$(BUSINESS)')$(if $(ACCESS_KEY),access-key $(1) '$(ACCESS_KEY)')$(if \
	$(ACCOUNT),account $(1) '$(ACCOUNT)')$(if $(SCHEME),scheme $(1) '$(SCHEME)')$(if \
	$(PLATFORM),platform $(1) '$(PLATFORM)') $(if $(KEY),--key '$(KEY)')

# Each asks first; ARGS=--yes does not.
disable: cli ## Stop one within 15 s: STACK=… BUSINESS=…, ACCESS_KEY=…, ACCOUNT=…, SCHEME=… or PLATFORM=…; KEY=… for one key of it
	@$(CLI) $(call PARTY,disable) --stack '$(STACK)' $(ARGS)

enable: cli ## Take it off the list of what is disabled: as for disable
	@$(CLI) $(call PARTY,enable) --stack '$(STACK)' $(ARGS)

FUNCTIONS := alipay-auth-url get-authorization-url authorization-query openid-callback openid-delivery
# The processor that cargo-lambda compiles for, so that what is measured is what is deployed.
PROCESSOR_x86_64 := haswell
PROCESSOR_aarch64 := neoverse-n1
PROCESSOR := $(PROCESSOR_$(shell uname -m))
AS_DEPLOYED := $(if $(PROCESSOR),--config 'build.rustflags=["-Ctarget-cpu=$(PROCESSOR)"]')
# What measures is compiled with the tests' dependencies, and what it measures in process as fast as that gets.
OPTIMISED := $(foreach crate,benches shared $(FUNCTIONS),--config 'profile.dev.package.$(crate).opt-level=3' \
	--config 'profile.dev.package.$(crate).debug-assertions=false')
BENCH = cargo build $(OPTIMISED) --locked --quiet --workspace --bin benches && target/debug/benches
PEERS := target/peers

# The functions are built without the local host, whose features they would get too.
.PHONY: built-functions
built-functions:
	cargo build $(AS_DEPLOYED) --release --locked --quiet --package baseline-function $(FUNCTIONS:%=--package %)

bench: built-functions ## Measure the functions beside a baseline; fails when a bound is missed, or instructions have become more
	$(BENCH) short

bench-cold: ## Send the first requests of 1,000 businesses to a fresh process, alone and beside a flood of invented names
	$(BENCH) cold

bench-lists: ## List a page of 50 of a million records of the embedded store; fails above 200 ms
	$(BENCH) lists

bench-first: ## Send a process its first event, with the connections to AWS that its start makes, and without
	$(BENCH) first-event

bench-all: built-functions $(PEERS)/node/installed $(PEERS)/python/installed ## Measure longer, with peers in Node and Python; writes results and documents
	$(BENCH) all

bench-long: ## Measure load and growth of the local host with wrk; writes results and documents
	cargo build $(AS_DEPLOYED) --release --locked --quiet --package local
	python3 benches/load/load.py $(ARGS)
	$(BENCH) render

bench-render: ## Write the documents' tables from benches/results.json
	$(BENCH) render

FUNCTION ?= alipay-auth-url
profile: ## Count a warm event's instructions by Valgrind's callgrind, and keep the profile: FUNCTION=…
	cargo rustc $(AS_DEPLOYED) --release --locked --quiet --package $(FUNCTION) --bin $(FUNCTION) -- -C strip=none
	$(BENCH) profile $(FUNCTION)

ci: ## All that must hold before a change lands
	.ci/run

# The stamps are made last: an installation that was cut short does not look like one.
.venv/installed-for-deploy: deploy/requirements.txt
	@$(PYTHON) deploy/python_version.py
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -q -r $<
	@touch $@

.venv/installed: deploy/requirements.txt tests/scripts/requirements.txt tests/sdk/requirements.txt
	@$(PYTHON) deploy/python_version.py
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -q $(addprefix -r ,$^)
	@touch .venv/installed-for-deploy $@

# Apart, because the emulator and SAM pin different versions of one library.
.venv-emulator/installed: tests/scripts/emulator-requirements.txt
	python3 -m venv .venv-emulator
	.venv-emulator/bin/pip install -q -r $<
	@touch $@

# Apart, because checkov pins another version of boto3 than SAM.
.venv-checkov/installed: tests/scripts/checkov-requirements.txt
	python3 -m venv .venv-checkov
	.venv-checkov/bin/pip install -q -r $<
	@touch $@

# Alibaba Cloud's SDKs apart, because SAM pins other versions of what they need. Both versions of one package cannot be
# installed together; what they need is the same, so the older one lies in a folder of its own without it.
.venv-sdk/installed: tests/sdk/alibaba_requirements.txt tests/sdk/alibaba_requirements_v1.txt
	python3 -m venv .venv-sdk
	.venv-sdk/bin/pip install -q -r $<
	rm -rf .venv-sdk/v1
	.venv-sdk/bin/pip install -q --no-deps --target .venv-sdk/v1 -r $(word 2,$^)
	@touch $@

# What tests as merchants do: apart, because its tools pin other versions than SAM.
.venv-merchants/installed: tests/samples/requirements.txt tests/openapi/requirements.txt
	python3 -m venv .venv-merchants
	.venv-merchants/bin/pip install -q $(addprefix -r ,$^)
	@touch $@

tests/sdk/node_modules/installed: tests/sdk/package-lock.json
	npm ci --ignore-scripts --prefix tests/sdk
	@touch $@

tests/openapi/node_modules/installed: tests/openapi/package-lock.json
	npm ci --ignore-scripts --prefix tests/openapi
	@touch $@

# Node's runtime client is built from C++, which needs cmake, autoconf, automake, libtool and g++.
$(PEERS)/node/installed: $(wildcard benches/peers/node/*)
	mkdir -p $(@D) && cp $^ $(@D)
	npm ci --no-audit --no-fund --prefix $(@D)
	@echo "Node $$(node --version | tr -d v)" >$@

$(PEERS)/python/installed: $(wildcard benches/peers/python/*)
	mkdir -p $(@D) && cp $^ $(@D)
	python3 -m venv --clear $(@D)/venv
	$(@D)/venv/bin/pip install -q -r benches/peers/python/requirements.txt
	@$(@D)/venv/bin/python --version >$@
