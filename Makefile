# The commands of the project. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test run generate lint tools

CARGO ?= cargo
# With a test target Cargo takes the features that the tests need, so that demo and tests share every compiled crate.
BUILD := $(CARGO) build --workspace --bins --test generated
# Wherever Cargo's configuration puts it.
TARGET = $(shell $(CARGO) metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
# The first argument is a program that has to be there, the second the Debian package that has it.
TOOLS := openssl:openssl ssh-keygen:openssh-client

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: ## Show it at work on a real control plane, until Ctrl-C; PLATFORM=tyk, rockfish or rockit; ONCE=1 ends when all is Ready
	@$(BUILD)
	@exec "$(TARGET)/debug/control-plane" demo --operator "$(TARGET)/debug/org-operator" --platform "$(or $(PLATFORM),embedded)" $(if $(filter-out 0,$(ONCE)),--once)

test: tools ## Run every test there is
	@$(CARGO) test --workspace

run: ## Run the operator against the current kubeconfig; ARGS="…" goes to `org-operator run`
	@$(BUILD)
	@exec "$(TARGET)/debug/org-operator" run $(ARGS)

generate: ## Write what is generated: crds/, and the table of capabilities in README.md
	@$(BUILD)
	@"$(TARGET)/debug/org-operator" crds --dir crds
	@UPDATE_README=1 $(CARGO) test --quiet --test conformance capabilities::

lint: ## Check format, lints, generated files and dependencies
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --workspace --all-targets -- --deny warnings
	@$(BUILD)
	@.ci/generated "$(TARGET)/debug/org-operator"
	@.ci/deny

tools:
	@missing=(); packages=(); \
	for tool in $(TOOLS); do \
	  command -v "$${tool%%:*}" >/dev/null || { missing+=("$${tool%%:*}"); packages+=("$${tool##*:}"); }; \
	done; \
	if [ $${#missing[@]} -gt 0 ]; then \
	  echo "make test: missing: $${missing[*]}; install with: sudo apt-get install --yes $${packages[*]}" >&2; exit 1; \
	fi
