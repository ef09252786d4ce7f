# Sourced by scripts that run a development chain: its ports, folder and processes belong to the run.
# shellcheck shell=bash

CHAIN_DIR=""
CHAIN_PID=""
CHAIN_RPC=""
# Set it to any text before chain_start, and the node's metrics are at the address in CHAIN_METRICS.
CHAIN_WITH_METRICS="${CHAIN_WITH_METRICS:-}"
CHAIN_METRICS=""
# Where the node writes; LANTERN_LOG keeps it after the run.
CHAIN_LOG=""

# Ends the node, and with it its worker, and removes its folder.
chain_stop() {
	if [ -n "$CHAIN_PID" ] && kill -0 "$CHAIN_PID" 2>/dev/null; then
		kill "$CHAIN_PID" 2>/dev/null || true
		for _ in $(seq 100); do kill -0 "$CHAIN_PID" 2>/dev/null || break; sleep 0.1; done
		kill -9 "$CHAIN_PID" 2>/dev/null || true
	fi
	CHAIN_PID=""
	if [ -n "$CHAIN_DIR" ]; then rm -rf "$CHAIN_DIR"; CHAIN_DIR=""; fi
}

# Starts a development chain with a provider: chain_start [NODE ARGUMENTS...]. Sets LANTERN_URL.
chain_start() {
	CHAIN_DIR=$(mktemp -d "${TMPDIR:-/tmp}/lantern-chain.XXXXXX")
	CHAIN_LOG="${LANTERN_LOG:-$CHAIN_DIR/node.log}"
	trap chain_stop EXIT
	trap 'exit 130' INT TERM
	CHAIN_RPC=$(free_port)
	local metrics_flags=(--no-prometheus)
	if [ -n "$CHAIN_WITH_METRICS" ]; then
		local metrics_port
		metrics_port=$(free_port)
		metrics_flags=(--prometheus-port "$metrics_port")
		# shellcheck disable=SC2034 # for the script that sources this
		CHAIN_METRICS="http://127.0.0.1:$metrics_port/metrics"
	fi
	# State of every block is kept, so that receipts can be checked at any of them.
	"$LANTERN_BIN/lantern-node" --dev --base-path "$CHAIN_DIR/data" --state-pruning archive --provider \
		--rpc-port "$CHAIN_RPC" --port "$(free_port)" "${metrics_flags[@]}" "$@" >"$CHAIN_LOG" 2>&1 &
	CHAIN_PID=$!
	export LANTERN_URL="ws://127.0.0.1:$CHAIN_RPC"
	for _ in $(seq 300); do
		kill -0 "$CHAIN_PID" 2>/dev/null || { tail -20 "$CHAIN_LOG" >&2; die "the node ended"; }
		if curl -s -o /dev/null -H 'content-type: application/json' \
			-d '{"id":1,"jsonrpc":"2.0","method":"system_health","params":[]}' "http://127.0.0.1:$CHAIN_RPC"; then
			return
		fi
		sleep 0.1
	done
	tail -20 "$CHAIN_LOG" >&2
	die "the node does not answer on port $CHAIN_RPC"
}
