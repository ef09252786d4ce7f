# Sourced by every script: where things are built, and the set-up that a fresh Debian or Ubuntu machine needs.
# shellcheck shell=bash

LANTERN_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Outside the clone, so that a second clone starts warm.
LANTERN_CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/lantern"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$LANTERN_CACHE/target}"
LANTERN_BIN="$CARGO_TARGET_DIR/release"
# The target folder lies outside the workspace, where the runtime's wasm build would not find Cargo.lock by itself and would take
# the newest versions instead.
export WASM_BUILD_WORKSPACE_HINT="$LANTERN_ROOT"
export LANTERN_ROOT LANTERN_CACHE LANTERN_BIN

# With the seconds since the script began, so that a log tells what takes the time.
say() { printf '\n\033[1m== %s\033[0m (%d s)\n' "$*" "$SECONDS"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Runs a command as root, or says what to install by hand.
as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"
	elif command -v sudo >/dev/null; then sudo "$@"
	else die "need root for: $*"; fi
}

# Installs Debian packages whose command is missing: need COMMAND PACKAGE...
need() {
	local command=$1; shift
	command -v "$command" >/dev/null && return
	command -v apt-get >/dev/null || die "'$command' is missing: install $* with your system's package manager"
	say "installing $*"
	as_root apt-get update -qq
	DEBIAN_FRONTEND=noninteractive as_root apt-get install -y -qq "$@" >/dev/null
}

# Clones share the target folder, and cargo tells the sources of one from another's by their times alone: an older file of this
# clone would count as built because a newer one of another clone was. So what another clone built of our crates is built again.
forget_other_clones() {
	local stamp="$CARGO_TARGET_DIR/last-clone"
	mkdir -p "$CARGO_TARGET_DIR"
	if [ "$(cat "$stamp" 2>/dev/null)" != "$LANTERN_ROOT" ]; then
		find "$CARGO_TARGET_DIR" -path '*/.fingerprint/*' -prune \( -name 'lantern-*' -o -name 'pallet-provider-staking-*' \
			-o -name 'pallet-model-registry-*' -o -name 'pallet-job-escrow-*' -o -name 'pallet-result-verification-*' \
			-o -name 'pallet-reward-emission-*' \) -exec rm -rf {} +
		printf '%s' "$LANTERN_ROOT" >"$stamp"
	fi
}

# Tools and targets for building.
setup_build() {
	need cc build-essential
	need curl curl
	need protoc protobuf-compiler
	if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
		PATH="$HOME/.cargo/bin:$PATH"
	fi
	if ! command -v cargo >/dev/null; then
		# Debian and Ubuntu carry rustup as a package from Debian 13 and Ubuntu 24.04 on.
		need rustup rustup
	fi
	cd "$LANTERN_ROOT" || exit 1
	forget_other_clones
	if command -v rustup >/dev/null; then
		# Reads rust-toolchain.toml: installs the toolchain where it is missing.
		rustup show active-toolchain >/dev/null 2>&1 || rustup toolchain install
		rustup target list --installed | grep -q wasm32v1-none || rustup target add wasm32v1-none
	fi
}

# The workspace in groups: crates of one group share the features of their dependencies, so that each dependency is compiled
# once for a group and nothing is compiled again when another group is built.
GROUP_NODE=(-p lantern-node -p lantern-runtime -p lantern-runtime-checks --features lantern-node/fast-runtime)
GROUP_PALLETS=(-p lantern-primitives -p pallet-provider-staking -p pallet-model-registry -p pallet-job-escrow
	-p pallet-result-verification -p pallet-reward-emission)
GROUP_ENGINE=(-p lantern-exact -p lantern-engine -p lantern-equality -p lantern-worker-protocol -p lantern-worker -p lantern-trainer)
GROUP_CLI=(-p lantern-cli -p lantern-rpc-types)

# Builds the binaries; quiet when nothing changed.
build_all() {
	setup_build
	cargo build --release --locked "${GROUP_ENGINE[@]}"
	cargo build --release --locked "${GROUP_CLI[@]}"
	cargo build --release --locked "${GROUP_NODE[@]}"
}

# Prints a TCP port that is free now.
free_port() { python3 "$LANTERN_ROOT/scripts/lib/ports.py"; }
