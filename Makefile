# Short names for longer commands. `make` alone lists them.

SHELL := /bin/bash
export PATH := $(CURDIR)/.venv/bin:$(PATH)
LAMBDA_ADDRESS := -A 127.0.0.1 -P 9000

.DEFAULT_GOAL := help
.PHONY: help run test lint journey sdk browser lambda lambda-watch lambda-sweep bench ci

help: ## List what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

run: ## Run everything on this machine: functions, emulator of Alipay, demo merchant
	cargo run

test: ## Run every Rust test
	cargo test --workspace

lint: ## Check format and lints
	cargo fmt --check
	cargo clippy --workspace --all-targets -- -D warnings

journey: ## One journey by HTTP on a fresh host; OpenSSL verifies the callback
	tests/scripts/journey.sh

sdk: .venv ## Alipay's official SDKs against the emulator
	tests/scripts/sdk.sh

browser: ## The journey in headless Chromium; pictures in target/screenshots
	tests/scripts/browser.sh

lambda: .venv ## The functions under cargo lambda: event files and one journey
	tests/scripts/lambda.sh

# Its counterpart in another terminal, started first: cargo run -- --authlink http://127.0.0.1:9000
lambda-watch: .venv ## Serve the functions by cargo lambda on port 9000
	cargo lambda watch $(LAMBDA_ADDRESS) --ignore-changes --env-file .authlink/lambda.env

lambda-sweep: .venv ## Have the functions on port 9000 deliver what is due
	cargo lambda invoke $(LAMBDA_ADDRESS) openid-delivery --data-file functions/openid-delivery/events/sweep.json

bench: ## Measure speed and memory against their bounds; fails when one is missed
	cargo bench -p local --bench speed

ci: ## All that must hold before a change lands
	.ci/run

.venv: tests/scripts/requirements.txt tests/sdk/requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install -q $(addprefix -r ,$^)
	@touch .venv
