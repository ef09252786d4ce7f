# Sourced by scripts/bench: the benchmarks of the chain, on real nodes with their databases on disk and no worker.
# shellcheck shell=bash

# shellcheck source=scripts/lib/network.sh
source "$LANTERN_ROOT/scripts/lib/network.sh"

declare -A BENCH_METRICS

# bench_node NAME ARGUMENTS...: a node with metrics, and a folder of its own on disk.
bench_node() {
	local name=$1; shift
	NETWORK_PORTS[$name]=$(free_port)
	BENCH_METRICS[$name]=${BENCH_METRICS[$name]:-$(free_port)}
	"$LANTERN_BIN/lantern-node" --base-path "$NETWORK_DIR/$name" --rpc-port "${NETWORK_PORTS[$name]}" --port "$(free_port)" \
		--prometheus-port "${BENCH_METRICS[$name]}" --no-mdns --allow-private-ip "$@" >>"$NETWORK_DIR/$name.log" 2>&1 &
	NETWORK_PIDS[$name]=$!
	await 600 "the RPC of $name" rpc "$name" system_chain >/dev/null
}

# bench_end NAME: and its folder goes.
bench_end() {
	kill "${NETWORK_PIDS[$1]}" 2>/dev/null || true
	wait "${NETWORK_PIDS[$1]}" 2>/dev/null || true
	unset "NETWORK_PIDS[$1]"
	rm -rf "${NETWORK_DIR:?}/$1"
}

# load NAME ARGUMENTS...: the load generator on a node; what it says on the way goes to its log. A failed part does not keep the
# others from being measured, but the script fails in the end.
BENCH_FAILED=""
load() {
	local name=$1; shift
	"$LANTERN_BIN/examples/load" --url "ws://127.0.0.1:${NETWORK_PORTS[$name]}" --pid "${NETWORK_PIDS[$name]}" "$@" \
		2>>"$NETWORK_DIR/load.log" || { tail -n 3 "$NETWORK_DIR/load.log" >&2; BENCH_FAILED="$BENCH_FAILED $1"; }
}

# Addresses at which another node on this machine reaches NAME.
address_of() { rpc "$1" system_localListenAddresses | python3 -c 'import json,sys; print(next(a for a in json.load(sys.stdin) if "/127.0.0.1/" in a and "/ws" not in a))'; }

# bench_chain BLOCKS LIVE PENDING: life cycles, import, the pool and what it refuses.
bench_chain() {
	local blocks=$1 live=$2 pending=$3 window
	network_open
	bench_machine

	say "job life cycles, $blocks blocks, at most $live jobs live"
	bench_node author --dev
	load author jobs --metrics "127.0.0.1:${BENCH_METRICS[author]}" --blocks "$blocks" --live "$live" >"$NETWORK_DIR/jobs"
	cat "$NETWORK_DIR/jobs"
	window=$(tail -n 1 "$NETWORK_DIR/jobs")

	say "import of those blocks by a second node"
	BENCH_METRICS[importer]=$(free_port)
	load author import --importer "127.0.0.1:${BENCH_METRICS[importer]}" \
		--first "$(python3 -c 'import json,sys; print(json.loads(sys.argv[1])["first"])' "$window")" \
		--last "$(python3 -c 'import json,sys; print(json.loads(sys.argv[1])["last"])' "$window")" >"$NETWORK_DIR/import" &
	local watching=$!
	bench_node importer --chain dev --bootnodes "$(address_of author)"
	wait "$watching"
	cat "$NETWORK_DIR/import"
	bench_end importer
	bench_end author

	say "the pool with $pending waiting, one of each account"
	bench_node full --dev
	load full pool --pending "$pending" --requesters "$pending"
	bench_end full
	# The pool holds back a tenth of its limit, and no more, until an account's earlier transaction is there: see docs/operations.md.
	say "the pool with $pending waiting, of 64 accounts: --pool-limit 65536 --pool-kbytes 163840"
	bench_node full --dev --pool-limit 65536 --pool-kbytes 163840
	load full pool --pending "$pending" --requesters 64
	bench_end full

	say "more than the pool holds: --pool-limit 200"
	bench_node narrow --dev --pool-limit 200
	load narrow beyond
	bench_end narrow
	say "more than the pool holds: --pool-kbytes 64"
	bench_node narrow --dev --pool-kbytes 64
	load narrow beyond
	bench_end narrow

	say "claims of jobs that do not exist"
	bench_node asked --dev
	load asked refusals --claims 5000
	bench_end asked
	[ -z "$BENCH_FAILED" ] || die "failed:$BENCH_FAILED"
}

# bench_state ARGUMENTS...: blocks without transactions on a small and on a large state.
bench_state() {
	network_open
	"$LANTERN_BIN/lantern-node" export-chain-spec --chain dev --raw --output "$NETWORK_DIR/dev.json" >/dev/null
	mkdir "$NETWORK_DIR/data"
	bench_machine
	"$LANTERN_BIN/examples/state_size" --chain "$NETWORK_DIR/dev.json" --data "$NETWORK_DIR/data" "$@"
}

# The machine, in two lines.
bench_machine() {
	printf '%s, %s cores, %s\n' "$(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" "$(sed -n 's/^MemTotal:\s*//p' /proc/meminfo)"
	printf 'other work: load %s when the run began\n' "$(cut -d' ' -f1 /proc/loadavg)"
}
