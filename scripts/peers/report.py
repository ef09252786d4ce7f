"""Turn the JSON lines of a benchmark run into Markdown tables with ratios, the best of each engine's rounds, and into a plot.

report.py RESULTS BANDWIDTHS PEAKS full|small [PLOT.svg]: RESULTS has the engines' lines, BANDWIDTHS the memory's GB/s, PEAKS the processor's
10^9 multiply-accumulates a second and the name of the instruction, a line each round.
"""
import html
import json
import platform
import sys

# Of the shape that `scripts/bench` times: int8 weights read for a token, and multiply-accumulates of one in a prompt, in 10^9.
SHAPES = {"full": (1.034, 0.969), "small": (0.0222, 0.0181)}


def processor():
    try:
        with open("/proc/cpuinfo") as info:
            return next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def read(results):
    """Runs of each engine, and audits of each width."""
    engines, audits = {}, {}
    with open(results) as lines:
        for line in map(json.loads, lines):
            if "audit_of" in line:
                audits.setdefault(line["audit_of"], []).append(line)
            else:
                engines.setdefault(line["engine"], []).append(line)
    return engines, audits


def table(engines, best):
    def ratio(name, part, peer):
        """To a peer on the same work: the peers run one sequence only."""
        alone = engines[name][0].get("sequences", 1) == 1
        return f"{best[name][part] / best[peer][part]:.2f}" if alone and peer in best else "-"

    print("| engine | prefill tok/s | to candle | to llama.cpp | decode tok/s | to candle | to llama.cpp |")
    print("|---|---|---|---|---|---|---|")
    for name, speeds in best.items():
        cells = [name]
        for part in ("prefill", "decode"):
            cells += [f"{speeds[part]:.1f}", ratio(name, part, "candle"), ratio(name, part, "llama.cpp")]
        print("| " + " | ".join(cells) + " |")
    print()


def limits(engines, best, gigabytes, multiplies, bandwidth, peak):
    """What the machine allows, and how near each of our widths comes."""
    print(f"Limits of this machine: {bandwidth / gigabytes:.1f} tokens/s of one sequence's decode by memory, "
          f"{peak / multiplies:.1f} tokens/s of prefill by multiplication.\n")
    print("| | decode of the memory's limit | prefill of the multipliers' limit | batch decode to one |")
    print("|---|---|---|---|")
    for name, speeds in best.items():
        if not name.startswith("lantern") or engines[name][0].get("sequences", 1) != 1:
            continue
        together = [speeds["decode"] for other, speeds in best.items() if other.startswith(name + ", batch")]
        batch = f"{together[0] / speeds['decode']:.2f}" if together else "-"
        print(f"| {name} | {speeds['decode'] * gigabytes / bandwidth:.0%} | {speeds['prefill'] * multiplies / peak:.0%} | {batch} |")
    print()


def audit_table(audits):
    print("| audit | prompt + generated | generation | audit | share |")
    print("|---|---|---|---|---|")
    for name, runs in audits.items():
        generation = min(run["generation_seconds"] for run in runs)
        audit = min(run["audit_seconds"] for run in runs)
        tokens = f"{runs[0]['prompt']} + {runs[0]['generated']}"
        print(f"| {name} | {tokens} | {generation:.2f} s | {audit:.2f} s | {audit / generation:.1%} |")
    print()


def plot(path, best, gigabytes, multiplies, bandwidth, peak):
    """Bars for prefill and decode, each with the machine's limit as a line."""
    row, left, width = 26, 190, 460
    panels = [("prefill", peak / multiplies, "integer peak"), ("decode", bandwidth / gigabytes, "memory, one sequence")]
    height = len(panels) * (len(best) * row + 64)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 90}" height="{height}" '
             'font-family="sans-serif" font-size="13">', '<rect width="100%" height="100%" fill="white"/>']
    top = 8
    for part, limit, name in panels:
        most = max([limit] + [speeds[part] for speeds in best.values()])
        parts.append(f'<text x="8" y="{top + 18}" font-weight="bold">{part}, tokens/s</text>')
        first = top + 28
        for index, (engine, speeds) in enumerate(best.items()):
            y = first + index * row
            length = max(1, speeds[part] / most * width)
            fill = "#d9822b" if engine.startswith("lantern") else "#7d8ca3"
            parts.append(f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">{html.escape(engine)}</text>')
            parts.append(f'<rect x="{left}" y="{y + 2}" width="{length:.1f}" height="{row - 8}" fill="{fill}"/>')
            parts.append(f'<text x="{left + length + 5:.1f}" y="{y + 15}">{speeds[part]:.1f}</text>')
        end = first + len(best) * row
        x = left + limit / most * width
        parts.append(f'<line x1="{x:.1f}" y1="{first}" x2="{x:.1f}" y2="{end}" stroke="#b03a2e" stroke-dasharray="4 3"/>')
        parts.append(f'<text x="{x:.1f}" y="{end + 14}" text-anchor="end" fill="#b03a2e">{name}: {limit:.0f}</text>')
        top = end + 28
    parts.append("</svg>")
    with open(path, "w") as file:
        file.write("\n".join(parts) + "\n")


def main():
    results, bandwidths, peaks, shape, *svg = sys.argv[1:]
    engines, audits = read(results)
    best = {
        name: {part: max(run[part] for run in runs) for part in ("prefill", "decode")} for name, runs in engines.items()
    }
    with open(bandwidths) as lines:
        bandwidth = max(map(float, lines))
    with open(peaks) as lines:
        peak, instruction = max((float(speed), name.strip()) for speed, name in (line.split(" ", 1) for line in lines))
    rounds = max(map(len, engines.values()))
    print(f"{processor()}; memory read {bandwidth:.1f} GB/s, {instruction} {peak:.0f} x 10^9 multiply-accumulates a second; "
          f"best of {rounds} rounds, engines in turns.\n")
    table(engines, best)
    limits(engines, best, *SHAPES[shape], bandwidth, peak)
    if audits:
        audit_table(audits)
    for name, runs in engines.items():
        spread = "; ".join(
            f"{part} " + ", ".join(f"{run[part]:.1f}" for run in runs) for part in ("prefill", "decode")
        )
        print(f"- {name}: {runs[0]['note']}. All rounds: {spread}.")
    if svg:
        plot(svg[0], best, *SHAPES[shape], bandwidth, peak)


main()
