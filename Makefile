# `make help` lists what there is.
.DEFAULT_GOAL := help
.PHONY: help demo setup test test-flink test-objects test-st test-neo4j-all test-exhaustive soak endurance lint format types ci clean
BIN := .venv/bin
SOAK_RECORDS ?= 10000000

help: ## This list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-16s %s\n", $$1, $$2}'

demo: ## Migrate a small shop database from a real PostgreSQL, validate it, recall from it
	@scripts/setup.sh demo
	@$(BIN)/python -m demo

setup: ## Make .venv with everything for development, and the servers for the tests
	@scripts/setup.sh dev
	@scripts/setup-servers.sh
	@scripts/setup-neo4j.sh

test: setup ## Run the tests (a missing server or sample is a skip with its reason)
	@$(BIN)/pytest -n 2 --dist loadfile

test-neo4j-all: setup ## The tests of Neo4j on its oldest and its newest version (the newest needs Java 21)
	@for version in 4.4.48 2026.08.1; do \
	    scripts/setup-neo4j.sh $$version && \
	    ENGRAM_MIGRATE_TEST_NEO4J=$$version $(BIN)/pytest -n 2 --dist loadfile tests/neo4j || exit 1; \
	done

test-flink: setup ## The pipelines on a local Flink (needs Java 17)
	@scripts/setup-flink.sh
	@$(BIN)/pytest -m flink tests/distributed

endurance: setup ## Kills, full disks, wrong clocks, little memory, locks (an hour; parts of it need root)
	@$(BIN)/pytest -m endurance tests/endurance

test-objects: setup ## Object storage on a local S3 server: samples, kills, faults, every damage (minutes)
	@$(BIN)/pytest -n 2 -m objects tests/objects tests/corruption

test-st: setup ## The provider `huggingface` by sentence-transformers (puts 6 GB into .venv)
	@scripts/setup.sh dev,st
	@$(BIN)/pytest tests/embedding/test_torch.py

test-exhaustive: setup ## Every sample with every page size and number of workers (hours)
	@$(BIN)/pytest -n 2 -m exhaustive

soak: setup ## Migrate SOAK_RECORDS rows and keys, and a tenth and a hundredth of them; the report is in soak/
	@$(BIN)/python -m benchmarks.soak --records $$(($(SOAK_RECORDS) / 100)) $$(($(SOAK_RECORDS) / 10)) $(SOAK_RECORDS)

lint: setup ## Check style, formatting and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

format: setup ## Put the code into its one form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: setup ## Check the types
	@$(BIN)/mypy

ci: ## What CI runs; nothing is skipped
	@.ci/run

clean: ## Remove .venv, caches and what the demo made
	@rm -rf .venv build dist demo-data *.egg-info .servers .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
