# The tasks of a clone. Each task first installs what it needs and the machine lacks.

TOOLS := $(or $(ATOM_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/atom)/tools/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-live dashboard docs check test torture bench dist

help: ## show this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

setup: ## install system packages and the default pack, build the program, download a demo video
	@scripts/setup.sh

demo: setup ## caption a real video, search it and ask about it
	@scripts/demo.sh

demo-live: setup ## caption a simulated camera live, until Ctrl-C
	@scripts/demo-live.sh

dashboard: ## show a run that listens on port 9600 in Prometheus, and in Grafana if it is installed, until Ctrl-C
	@scripts/setup.sh prometheus
	@dashboards/up.sh

docs: ## build the documentation as a book in target/book
	@scripts/setup.sh docs
	@scripts/docs.sh

check: ## check format, lints, documentation and its links, spelling, and the licences and sources of dependencies
	@scripts/setup.sh check
	cargo fmt --all --check
	$(TOOLS)/typos
	$(TOOLS)/cargo-deny --locked check --hide-inclusion-graph licenses bans sources
	cargo clippy --release --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --workspace --no-deps
	@scripts/docs.sh

test: setup ## run all tests
	@scripts/setup.sh prometheus
	cargo test --release --locked --workspace

torture: setup ## run the long versions of some tests: failing cameras, overload, video formats, kills, random input
	cargo build --release --locked --workspace
	ATOM_CUTS=100 cargo test --release --locked -p atom-tests --test live again_and_again -- --nocapture
	ATOM_JOINS=30 cargo test --release --locked -p atom-tests --test concealed_cameras reconnect -- --nocapture
	ATOM_OVERLOAD_SECONDS=120 cargo test --release --locked -p atom-tests --test overload -- --nocapture
	ATOM_MEDIA_CASES=all cargo test --release --locked -p atom-tests --test media_formats generated -- --nocapture
	ATOM_KILLS=200 cargo test --release --locked -p atom-tests --test kill -- --nocapture
	ATOM_STOPS=300 cargo test --release --locked -p atom-tests --test stops -- --nocapture
	ATOM_REQUESTS=20000 cargo test --release --locked -p atom-tests --test http_fuzz -- --nocapture
	ATOM_FUZZ_FACTOR=100 cargo test --release --locked -p atom-tests --test fuzz -- --nocapture
	scripts/dist-check.sh

dist: ## build a tarball and a Debian package in target/dist
	@scripts/setup.sh dist
	@scripts/dist.sh

bench: setup ## measure this machine and write docs/benchmarks.md
	@scripts/bench.sh
