"""Turn the JSON lines of a benchmark run into a Markdown table with ratios: the best of each engine's rounds."""
import json
import platform
import sys

results, bandwidths = sys.argv[1:]
engines = {}
with open(results) as lines:
    for line in map(json.loads, lines):
        engines.setdefault(line["engine"], []).append(line)
best = {
    name: {part: max(run[part] for run in runs) for part in ("prefill", "decode")} for name, runs in engines.items()
}
with open(bandwidths) as lines:
    bandwidth = max(map(float, lines))


def processor():
    try:
        with open("/proc/cpuinfo") as info:
            return next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def ratio(name, part, peer):
    """To a peer on the same work: the peers run one sequence only."""
    alone = engines[name][0].get("sequences", 1) == 1
    return f"{best[name][part] / best[peer][part]:.2f}" if alone and peer in best else "-"


rounds = max(map(len, engines.values()))
print(f"{processor()}; memory read {bandwidth:.1f} GB/s; best of {rounds} rounds, engines in turns.\n")
print("| engine | prefill tok/s | to candle | to llama.cpp | decode tok/s | to candle | to llama.cpp |")
print("|---|---|---|---|---|---|---|")
for name, speeds in best.items():
    cells = [name]
    for part in ("prefill", "decode"):
        cells += [f"{speeds[part]:.1f}", ratio(name, part, "candle"), ratio(name, part, "llama.cpp")]
    print("| " + " | ".join(cells) + " |")
print()
for name, runs in engines.items():
    spread = "; ".join(
        f"{part} " + ", ".join(f"{run[part]:.1f}" for run in runs) for part in ("prefill", "decode")
    )
    print(f"- {name}: {runs[0]['note']}. All rounds: {spread}.")
