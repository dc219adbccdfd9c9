# What a person does with a clone. `make demo` and `make test` set up whatever is missing first.

.PHONY: setup demo demo-live dashboard test torture check bench

setup: ## system packages, program, ONNX Runtime, the default pack, a demo video; keeps what is there
	@./setup.sh

demo: setup ## captions, answers and a search of a real video
	@./demo.sh

demo-live: setup ## a camera on this machine, its captions as they come with their delay, until Ctrl-C
	@./demo-live.sh

dashboard: ## Prometheus, and Grafana if it is installed, for a run that listens on port 9600, until Ctrl-C
	@./setup.sh prometheus
	@dashboards/up.sh

test: setup ## all tests
	@./setup.sh prometheus
	cargo test --release --locked --workspace

torture: setup ## what tests do in seconds, for many minutes: cameras that are cut, overload, kills
	cargo build --release --locked --workspace
	ATOM_CUTS=100 cargo test --release --locked -p atom-tests --test live again_and_again -- --nocapture
	ATOM_OVERLOAD_SECONDS=120 cargo test --release --locked -p atom-tests --test overload -- --nocapture
	ATOM_KILLS=200 cargo test --release --locked -p atom-tests --test kill -- --nocapture

check: ## format, lints, documentation
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --workspace --no-deps

bench: setup ## writes BENCHMARKS.md: what sharing saves, what the engine costs, indexing, the store and its queries at size; then what batching saves
	@./bench.sh
