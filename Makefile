# SPDX-License-Identifier: MIT OR Apache-2.0
# The front door. Everything real happens in CMake and in scripts/.
SCENARIO ?= examples/scenarios/one_slow_node.yaml
REPORT ?= build/report.html
NODES ?= examples/data/nodes.yaml
REQUESTS ?= examples/data/requests.csv
STRATEGY ?= smooth_wrr
OPTIONS ?= --key Key --cost tokens=ContextTokens --cost tokens=GeneratedTokens
SCALE ?= 300
PEERS ?=
PREFIX ?= /usr/local
DESTDIR ?=

.SILENT:
.PHONY: help run pick test test-quick soak bench bench-peers differences results fuzz format lint install clean

help: ## Say what there is
	awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: ## Play a scenario against several strategies, and write a report (SCENARIO=, REPORT=)
	scripts/setup.sh run
	scripts/build release tools/all
	build/release/tools/loadwise sim '$(SCENARIO)' --report '$(REPORT)'
	echo && echo 'Report: $(abspath $(REPORT))'

pick: ## Place the bundled requests on the bundled nodes (NODES=, REQUESTS=, STRATEGY=, OPTIONS=)
	scripts/setup.sh run
	scripts/build release tools/all
	build/release/tools/loadwise pick --nodes '$(NODES)' --requests '$(REQUESTS)' --strategy '$(STRATEGY)' $(OPTIONS)

test: ## Everything, in about 12 minutes on 2 cores
	scripts/setup.sh test
	scripts/test

test-quick: ## The inner loop, within a minute
	scripts/setup.sh run
	scripts/test quick

soak: ## The long runs, about an hour; SCALE=60 makes it minutes
	scripts/setup.sh test
	scripts/soak $(SCALE)

bench: ## Nanoseconds per pick, quota, pool and layer, beside the limits of this machine; hashes; simulations; Redis; HTTP
	scripts/setup.sh test
	scripts/build release bench/all
	build/release/bench/bench-select
	build/release/bench/bench-hashing
	build/release/bench/bench-quota
	build/release/bench/bench-pool
	build/release/bench/bench-sim
	PATH="$$PATH:$(CURDIR)/build" build/release/bench/bench-redis
	build/release/bench/bench-service

bench-peers: ## The same picks by other libraries, as far as this machine can build them (PEERS="--rounds 2")
	scripts/setup.sh run
	scripts/bench-peers $(PEERS)

differences: ## Run the Rust crate loadwise 0.1.0 beside the library, step by step; needs cargo
	scripts/setup.sh run
	scripts/differences

results: ## Play the published experiments again and renew the tables of docs/results.md (TABLES=)
	scripts/setup.sh run
	scripts/build release tools/all bench-bins
	scripts/results $(TABLES)

fuzz: ## Each fuzz target for SCALE seconds
	scripts/setup.sh test
	scripts/build fuzz fuzz/all
	scripts/fuzz $(SCALE)

format: ## Format the C sources in place
	scripts/setup.sh test
	scripts/format

lint: ## Check the format, then let clang-tidy read everything
	scripts/setup.sh test
	scripts/lint

install: ## Install the library and the command (PREFIX=, DESTDIR=)
	scripts/setup.sh run
	scripts/build release loadwise_shared loadwise_static tools/all
	DESTDIR='$(DESTDIR)' cmake --install build/release --prefix '$(PREFIX)' >build/install.log
	echo 'Installed below $(DESTDIR)$(PREFIX)'

clean: ## Remove all that was built
	rm -rf build
