#!/usr/bin/env python3
"""Checks that every series of alerts and dashboards exists: check_metrics.py METRICS FILE...

METRICS is what a node's endpoint answered; each FILE is alert rules (.yml) or a Grafana dashboard (.json). Metric names, label names and
label values of every selector must be in METRICS. What is missing is listed, and the exit code is 1.
"""

import json
import re
import sys

# Series of Prometheus itself and of node_exporter, which no Lantern node shows.
FOREIGN = re.compile(r"up|node_filesystem_\w+")
# Added by Prometheus to every series.
TARGET_LABELS = {"job", "instance"}
WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*")')
SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?")
GROUPING = re.compile(r"\b(by|without|ignoring|on|group_left|group_right)\s*\([^)]*\)")


def shown(text):
    """Label sets of every metric name of an exposition."""
    series = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        name, braces = SELECTOR.match(line).groups()
        labels = {label: json.loads(value) for label, _, value in MATCHER.findall(braces or "")}
        series.setdefault(name, []).append(labels)
    return series


def rules(text):
    """Names and expressions of alert rules."""
    # The standard library reads no YAML; our rules have one form, and what is not understood is counted.
    found = re.findall(r"^( +)- alert: (\w+)\n +expr: (?:\|\n((?:\1    +.*\n)+)|(.+)\n)", text, re.M)
    if not found or len(found) != len(re.findall(r"\balert:", text)):
        sys.exit("error: there are rules that are not in the form '- alert: NAME', then 'expr: ...'")
    return [(name, block or line) for _, name, block, line in found]


def panels(dashboard):
    """Titles and expressions of a dashboard's panels and variables."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
        yield from panels({"panels": panel.get("panels", [])})
    for variable in dashboard.get("templating", {}).get("list", []):
        if variable["type"] == "query":
            # label_values(SERIES, LABEL)
            yield f"${variable['name']}", re.sub(r"label_values\((.*),[^,]*\)", r"(\1)", variable["query"])


def selectors(expression):
    """Metric names and label matchers of an expression in Prometheus's language."""
    # Ranges hold durations, groupings hold labels, strings may hold anything: none of them names a metric.
    expression = GROUPING.sub(" ", re.sub(r"\[[^\]]*\]", " ", expression))
    for match in SELECTOR.finditer(re.sub(r"\b[\d.]+(e[+-]?\d+)?\b", " ", expression)):
        name, braces = match.groups()
        is_call = expression and match.string[match.end() :].lstrip().startswith("(") and not braces
        if not is_call and name.lower() not in WORDS:
            yield name, [(label, how, json.loads(value)) for label, how, value in MATCHER.findall(braces or "")]


def missing(series, expression):
    """What an expression names that is not there."""
    for name, matchers in selectors(expression):
        if FOREIGN.fullmatch(name):
            continue
        if name not in series:
            yield name
            continue
        for label, how, value in matchers:
            if label in TARGET_LABELS or value.startswith("$"):
                continue
            values = {labels[label] for labels in series[name] if label in labels}
            wanted = value.split("|") if "~" in how else [value]
            for one in wanted:
                if one not in values and not ("~" in how and any(re.fullmatch(one, is_there) for is_there in values)):
                    yield f'{name}{{{label}="{one}"}}'


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        series = shown(file.read())
    count, absent = 0, []
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for place, expression in panels(json.loads(text)) if path.endswith(".json") else rules(text):
            count += 1
            absent += [f"{path}: {place}: {name}" for name in missing(series, expression)]
    if absent:
        print("error: the node does not show", *sorted(set(absent)), sep="\n  ", file=sys.stderr)
        sys.exit(1)
    print(f"{count} expressions name only series that exist, of {len(series)} names")


if __name__ == "__main__":
    main()
