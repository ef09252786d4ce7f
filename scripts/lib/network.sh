# Sourced by scripts that run several nodes of one chain: folders, ports and processes belong to the run.
# shellcheck shell=bash

declare -A NETWORK_PIDS NETWORK_PORTS
NETWORK_DIR=""

# Ends every node and removes the folder.
network_stop() {
	for pid in "${NETWORK_PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait 2>/dev/null || true
	rm -rf "$NETWORK_DIR"
}

# Makes the folder; everything ends with the script.
network_open() {
	NETWORK_DIR=$(mktemp -d "${TMPDIR:-/tmp}/lantern-network.XXXXXX")
	trap network_stop EXIT
	trap 'exit 130' INT TERM
}

# network_start NAME CHAIN ARGUMENTS...: a node with a folder of its own and a free port for RPC.
network_start() {
	local name=$1 chain=$2; shift 2
	NETWORK_PORTS[$name]=${NETWORK_PORTS[$name]:-$(free_port)}
	"$LANTERN_BIN/lantern-node" --chain "$chain" --base-path "$NETWORK_DIR/$name" --rpc-port "${NETWORK_PORTS[$name]}" --no-prometheus \
		--no-mdns --allow-private-ip --discover-local "$@" >>"$NETWORK_DIR/$name.log" 2>&1 &
	NETWORK_PIDS[$name]=$!
}

# network_kill NAME: as a crash would.
network_kill() {
	kill -9 "${NETWORK_PIDS[$1]}"
	wait "${NETWORK_PIDS[$1]}" 2>/dev/null || true
}

# rpc NAME METHOD [PARAMS]: prints the result.
rpc() {
	curl -sf -H 'content-type: application/json' "http://127.0.0.1:${NETWORK_PORTS[$1]}" \
		-d "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"$2\",\"params\":${3:-[]}}" |
		python3 -c 'import json,sys; r=json.load(sys.stdin)["result"]; print(r if isinstance(r, str) else json.dumps(r))' 2>/dev/null
}
height() { python3 -c 'import json,sys; print(int(json.load(sys.stdin)["number"], 16))' 2>/dev/null; }
# finalised NAME: the height of its last finalised block; 0 while it does not answer.
finalised() {
	local hash
	hash=$(rpc "$1" chain_getFinalizedHead 2>/dev/null) || { echo 0; return; }
	rpc "$1" chain_getHeader "[\"$hash\"]" 2>/dev/null | height || echo 0
}
# reached NAME HEIGHT: whether it has finalised that block.
reached() { [ "$(finalised "$1")" -ge "$2" ]; }
# await SECONDS WHAT COMMAND...: until the command succeeds. Seconds are for a machine that does much else.
await() {
	local end=$((SECONDS + $1)) what=$2 seconds=$1; shift 2
	while [ "$SECONDS" -lt "$end" ]; do "$@" && return; sleep 0.5; done
	for log in "$NETWORK_DIR"/*.log; do printf '\n-- %s\n' "$log" >&2; tail -5 "$log" >&2; done
	die "$what did not come within $seconds s"
}
