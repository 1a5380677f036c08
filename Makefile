# demo, test, lint, bench, install: each line is one that a person could type.
# What is built or installed for tests lies in $(CACHE), by content, so that a second clone finds it.

CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/taffrail
DENY  := 0.20.2
content = $(shell cat $(sort $(wildcard tests/$(1)/*.go tests/$(1)/go.* tests/$(1)/*.sh)) | git hash-object --stdin | cut -c1-12)

CONTROLPLANE := $(CACHE)/controlplane-$(call content,controlplane)
GITSERVER    := $(CACHE)/gitserver-$(call content,gitserver)
KUSTOMIZE    := $(CACHE)/kustomize-$(call content,kustomize)
KUBECTL      := $(CACHE)/kubectl-$(call content,kubectl)
CARGO_DENY   := $(CACHE)/cargo-deny-$(DENY)/bin/cargo-deny

export TAFFRAIL_CONTROLPLANE := $(CONTROLPLANE)
export TAFFRAIL_GITSERVER    := $(GITSERVER)
export TAFFRAIL_KUSTOMIZE    := $(KUSTOMIZE)
export TAFFRAIL_KUBECTL      := $(KUBECTL)

.PHONY: all build demo test lint bench simulate install clean

all: build

build:
	cargo build --release --locked -p taffrail

demo: $(CONTROLPLANE)
	cargo build --locked -p taffrail
	target/debug/taffrail demo --controlplane $(CONTROLPLANE) --sources .

test: $(CONTROLPLANE) $(GITSERVER) $(KUSTOMIZE) $(KUBECTL)
	cd tests/controlplane && go test ./...
	cd tests/gitserver && go test ./...
	cargo build --locked -p taffrail
	tests/with-controlplane cargo test --locked --workspace --no-fail-fast

lint: $(CARGO_DENY)
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO_DENY) --locked check --hide-inclusion-graph bans licenses sources
	cd tests/controlplane && test -z "$$(gofmt -l .)" && go vet ./...
	cd tests/gitserver && test -z "$$(gofmt -l .)" && go vet ./...
	cd tests/kubectl && test -z "$$(gofmt -l .)" && go vet ./...

bench:
	cargo bench --locked -p taffrail-journal

# The simulation over many more seeds than `make test` has: make simulate SEEDS=0..100000
simulate:
	SEEDS=$(or $(SEEDS),0..10000) cargo test --locked --release -p taffrail-tests --test simulation -- --nocapture

install: build
	install -D target/release/taffrail $(or $(PREFIX),/usr/local)/bin/taffrail

clean:
	cargo clean

$(CONTROLPLANE):
	mkdir -p $(CACHE)
	tests/controlplane/build.sh $@

$(GITSERVER):
	mkdir -p $(CACHE)
	cd tests/gitserver && go build -o $@ .

$(KUSTOMIZE):
	mkdir -p $(CACHE)
	tests/kustomize/build.sh $@

$(KUBECTL):
	mkdir -p $(CACHE)
	cd tests/kubectl && go build -o $@ .

$(CARGO_DENY):
	cargo install cargo-deny --locked --version $(DENY) --root $(CACHE)/cargo-deny-$(DENY)
