#!/usr/bin/env python3
"""Reads weight files of frame-omni-bencher.

weights.py base BLOCK_FILE EXTRINSIC_FILE FOLDER...
                                              prints runtime/src/weights/base.rs from the two files of `benchmark overhead`, and the weights of
                                              the transaction extensions, which are in the first of the folders that has them
weights.py drift [--fail] COMMITTED MEASURED  compares the files named on standard input in two folders, call by call

A call has drifted when its time, at the upper end of every range, is more than 1.5 times or less than two thirds of the committed one, or when it
reads or writes the database more or less often. `--fail` makes that exit code 1.
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple

UPPER, LOWER = 1.5, 1 / 1.5

FUNCTION = re.compile(r"((?:[ \t]*//[^\n]*\n)*)\s*fn (\w+)\([^)]*\) -> Weight \{(.*?)\n    \}", re.S)
RANGE = re.compile(r"`(\w+)` from (\d+) to (\d+)")
TERM = re.compile(
    r"(?:Weight::from_parts\(\s*(?P<time>[\d_]+),\s*(?P<proof>[\d_]+)\s*,?\s*\)|T::DbWeight::get\(\)\s*\.(?P<access>reads|writes)\((?P<count>\d+)\))"
    r"(?:\s*\.saturating_mul\(\s*(?P<component>\w+)\.into\(\)\s*\))?"
)
# Of a difference the first number: what was measured as a whole.
CONSTANT = re.compile(r"pub const (\w+): Weight =\s*Weight::from_parts\(\s*([\d_]+)(?: - [\d_]+)?, 0\s*\)")
OVERHEAD = re.compile(r"pub const (\w+): Weight =\s*Weight::from_parts\(WEIGHT_REF_TIME_PER_NANOS\.saturating_mul\(([\d_]+)\)")


class Cost(NamedTuple):
    """Of one call at the upper end of every range: picoseconds without the database, and accesses to it."""

    time: int = 0
    reads: int = 0
    writes: int = 0


def costs(text):
    """The cost of every call and of every constant in a weight file."""
    found = {name: Cost(int(time)) for name, time in CONSTANT.findall(text)}
    for comments, name, body in FUNCTION.findall(text):
        upper = {component: int(high) for component, _, high in RANGE.findall(comments)}
        total = {"time": 0, "reads": 0, "writes": 0}
        for term in TERM.finditer(body):
            factor = upper[term["component"]] if term["component"] else 1
            if term["access"]:
                total[term["access"]] += int(term["count"]) * factor
            else:
                total["time"] += int(term["time"]) * factor
        found[name] = Cost(**total)
    return found


def drifted(committed, measured):
    """Why two costs differ too much, or an empty string."""
    reasons = []
    if not LOWER <= ratio(committed, measured) <= UPPER:
        reasons.append("time")
    if committed.reads != measured.reads:
        reasons.append(f"reads {committed.reads} -> {measured.reads}")
    if committed.writes != measured.writes:
        reasons.append(f"writes {committed.writes} -> {measured.writes}")
    return ", ".join(reasons)


def ratio(committed, measured):
    """Time measured by time committed. Nothing by nothing is no change."""
    if committed.time == measured.time:
        return 1.0
    return measured.time / committed.time if committed.time else float("inf")


def drift(committed_folder, measured_folder, files):
    """Prints a line for every call and returns how many drifted, appeared or vanished."""
    count = 0
    print(f"{'call':<72} {'committed µs':>13} {'measured µs':>13} {'ratio':>6}")
    for file in files:
        path = committed_folder / file
        before = costs(path.read_text()) if path.exists() else {}
        after = costs((measured_folder / file).read_text())
        for name in sorted(before.keys() | after.keys()):
            call = f"{file.removesuffix('.rs')}::{name}"
            if name not in before or name not in after:
                count += 1
                print(f"{call:<72} {'only measured' if name in after else 'only committed'}")
                continue
            old, new = before[name], after[name]
            why = drifted(old, new)
            count += bool(why)
            flag = f"  DRIFT: {why}" if why else ""
            print(f"{call:<72} {old.time / 1e6:>13.1f} {new.time / 1e6:>13.1f} {ratio(old, new):>6.2f}{flag}")
    print(f"{count} of them drifted" if count else "nothing drifted")
    return count


def extensions(folders):
    """Picoseconds that the extensions of a signed transaction that never expires take, without the database."""

    def read(name):
        return costs(next(folder / name for folder in folders if (folder / name).exists()).read_text())

    system = read("frame_system_extensions.rs")
    system.pop("check_mortality_mortal_transaction")
    return sum(cost.time for cost in [*system.values(), read("pallet_transaction_payment.rs")["charge_transaction_payment"]])


def base(block, extrinsic, folders):
    """The source of runtime/src/weights/base.rs."""
    texts = [block.read_text(), extrinsic.read_text()]
    constants = dict(pair for text in texts for pair in OVERHEAD.findall(text))
    if set(constants) != {"BlockExecutionWeight", "ExtrinsicBaseWeight"}:
        sys.exit(f"error: {block} and {extrinsic} are not the files that `benchmark overhead` writes")

    def one(pattern):
        return re.search(pattern, texts[0])[1]

    return f"""//! Fixed costs of a block and of a transaction: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli {one("VERSION ([0-9.]+)")}, `benchmark overhead`, {one("DATE: ([0-9-]+)")}, repeat {one("REPEAT: `([0-9]+)`")}, \
metric {one("WEIGHT-METRIC: `([A-Za-z]+)`").lower()}, CPU {one("CPU: `([^`]*)`")}.

use frame_support::{{parameter_types, weights::Weight}};

parameter_types! {{
    /// Of a block without transactions but its inherents, hooks included.
    pub const BlockExecutionWeight: Weight = Weight::from_parts({constants["BlockExecutionWeight"]}_000, 0);
    /// Of a transaction whose call does nothing, less its extensions, which every transaction counts besides: decoding and signature.
    pub const ExtrinsicBaseWeight: Weight = Weight::from_parts({constants["ExtrinsicBaseWeight"]}_000 - {extensions(folders):_}, 0);
}}
"""


def main():
    match sys.argv[1:]:
        case ["base", block, extrinsic, *folders] if folders:
            print(base(Path(block), Path(extrinsic), [Path(folder) for folder in folders]), end="")
        case ["drift", *options, committed, measured] if options in ([], ["--fail"]):
            count = drift(Path(committed), Path(measured), sys.stdin.read().split())
            sys.exit(bool(options and count))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
