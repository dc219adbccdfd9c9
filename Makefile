# What a person does with a clone. `make demo` and `make test` set up whatever is missing first.

.PHONY: setup demo test check bench

setup: ## system packages, program, ONNX Runtime, the default pack, a demo video; keeps what is there
	@./setup.sh

demo: setup ## captions, answers and a search of a real video
	@./demo.sh

test: setup ## all tests
	cargo test --release --locked --workspace

check: ## format, lints, documentation
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --workspace --no-deps

bench: setup ## costs of the graph itself, and what it saves to serve requests together
	cargo bench --locked -p atom --bench graph
	cargo bench --locked -p atom --bench decoder
