# Recipes are what CI runs.

# Everything that CI checks.
test:
	scripts/test

# The main job on a fresh development chain.
demo:
	scripts/demo

# Format every crate.
fmt:
	cargo fmt --all

# Lints of our own crates.
lint:
	scripts/lint

# Half an hour of fuzzing of model files and socket frames.
fuzz:
	scripts/fuzz

# Speed of the engine beside its peers.
bench:
	scripts/bench

# Licences and advisories of every dependency (needs cargo-deny).
deny:
	cargo deny check
