# Everything a developer does. "make" alone lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help build run demo test torture lint fmt bench clean-data servers

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build servers ## the whole stack on this machine, in build/dev; Ctrl-C stops it, data stays
	@tools/script/run bin/sceau-dev up --data build/dev $(ARGS)

demo: build servers ## the demonstration, refusals included, in build/demo; ends by verifying its log
	bin/sceau-dev demo --data build/demo $(ARGS)
	@if command -v python3 >/dev/null; then echo "docs/examples/verify.py, written from the format's page alone:"; python3 docs/examples/verify.py build/demo/export; fi

test: ## every test, against a real PostgreSQL and a real Vault that the tests start themselves
	@tools/script/test $(ARGS)

torture: ## what breaks things on purpose, for long; SCEAU_TORTURE=10m each, SCEAU_SEED, STAGES; build/torture.jsonl
	@tools/script/torture $(STAGES)

lint: ## formatting, go vet, staticcheck, and who may import whom
	@tools/script/lint

fmt: ## format all Go files
	gofmt -w $$(git ls-files '*.go')

bench: build servers ## the figures, also in build/bench.json (about a quarter of an hour)
	bin/sceau-dev bench $(ARGS)

clean-data: ## remove the data of make run and make demo
	rm -rf build/dev build/demo build/demo-planted.txt

build: ## bin/sceau, bin/sceau-inspect, bin/sceau-dev
	@tools/script/build

servers: ## what run, demo and test need: PostgreSQL's binaries, a Vault
	@tools/script/servers
