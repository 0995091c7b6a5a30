"""The tables of ../BYZANTINE.md from the cells beside this file: python3 tables.py

Reads *.csv.gz as `espalier byzantine` writes them (compressed) and prints Markdown. Standard library only."""
import csv
import gzip
import math
import sys
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
PROTOCOL = {"amnesia", "copy", "equivocation", "equivocation-relayed", "flood", "forged-nan", "future-round", "overweight",
            "payload-mismatch", "praise", "replay", "retract-others", "silent", "slander", "vote-down", "withhold"}
ADAPTIVE = ("white-box", "optimal-alie", "optimal-ipm")


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else None


def wilson(hits, runs, z=1.959964):
    p, c = hits / runs, z * z / runs
    half = z * math.sqrt(p * (1 - p) / runs + c / runs / 4)
    return max(0, p + c / 2 - half) / (1 + c), (p + c / 2 + half) / (1 + c)


def figure(x):
    return "" if x is None else f"{x:.3f}".lstrip("0") if x < 1 else f"{x:.2f}"


def percent(x, digits=0):
    return "" if x is None else f"{100 * x:.{digits}f} %"


def read(name):
    path = HERE / name
    if not path.exists():
        sys.exit(f"{path} is missing")
    with gzip.open(path, "rt") as file:
        return list(csv.DictReader(file))


def number(row, key):
    return float(row[key]) if row.get(key) else None


def groups(rows):
    found = defaultdict(list)
    for row in rows:
        found[(int(row["nodes"]), row["spread"], row["share"])].append(row)
    return found


def on_the_model(rows):
    return [row for row in rows if row["attack"] not in PROTOCOL]


def by_attack(rows, key):
    seen = defaultdict(list)
    for row in rows:
        value = number(row, key)
        if value is not None:
            seen[row["attack"]].append(value)
    return {attack: mean(values) for attack, values in seen.items()}


def best(rows, rules, figure_of):
    pairs = []
    for rule in rules:
        if all(row.get(rule) for row in rows):
            pairs.append((figure_of(by_attack(rows, rule)), rule))
    return min(pairs) if pairs else None


def bold(ours, other):
    return f"**{figure(ours)}**" if other is not None and ours <= other else figure(ours)


def attacked(name, accuracy=False):
    rows = read(name)
    columns = list(rows[0])
    rules = columns[columns.index("clean_accuracy") + 1 :]
    head = ["n", "spread", "liars", "mean: ours", "best rule", "worst: ours", "best rule", "adaptive apart: ours",
            "best rule", "floor", "found", "weight", "honest out", "rounds"]
    head += ["accuracy lost: mean, worst"] if accuracy else []
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for (n, spread, share), cells in groups(rows).items():
        cells = on_the_model(cells)
        if not cells or int(cells[0]["liars"]) == 0:
            continue
        errors = by_attack(cells, "error")
        top = lambda values: max(values.values())
        worst = max(errors, key=errors.get)
        apart = [row for row in cells if not row["attack"].startswith(ADAPTIVE)]
        errors_apart = by_attack(apart, "error")
        worst_apart = max(errors_apart, key=errors_apart.get)
        rule_mean = best(cells, rules, lambda values: mean(values.values()))
        rule_worst, rule_apart = best(cells, rules, top), best(apart, rules, top)
        harmful = [row for row in cells if number(row, "mean") > 0.1]
        honest = n - int(cells[0]["liars"])
        line = [str(n), spread, share, bold(mean(errors.values()), rule_mean[0]), f"{figure(rule_mean[0])} {rule_mean[1]}",
                f"{bold(errors[worst], rule_worst[0])} {worst}", figure(rule_worst[0]),
                f"{bold(errors_apart[worst_apart], rule_apart[0])} {worst_apart}", figure(rule_apart[0]),
                figure(number(cells[0], "floor")), percent(mean(number(row, "recall") for row in harmful)),
                percent(mean(number(row, "weight") for row in cells)),
                percent(mean(number(row, "honest_isolated") / honest for row in cells), 1),
                f"{mean(x for x in (number(row, 'isolated') for row in cells) if x is not None):.1f}"]
        if accuracy:
            clean = by_attack(cells, "clean_accuracy")
            lost = {attack: clean[attack] - x for attack, x in by_attack(cells, "accuracy").items()}
            most = max(lost, key=lost.get)
            line.append(f"{100 * mean(lost.values()):.1f}, {100 * lost[most]:.1f} {most}")
        print("| " + " | ".join(line) + " |")
    print()


def without_liars(files):
    """One row per model, size and spread."""
    print("| model | n | spread | runs | with an honest author isolated | 95 % | honest authors isolated | error |")
    print("|" + "---|" * 8)
    for model, name in files:
        for (n, spread, _), cells in groups(read(name)).items():
            if int(cells[0]["liars"]):
                continue
            hits = sum(row["honest_isolated"] != "0" for row in cells)
            low, high = wilson(hits, len(cells))
            out = mean(number(row, "honest_isolated") / n for row in cells)
            print(f"| {model} | {n} | {spread} | {len(cells)} | {hits} ({percent(hits / len(cells), 1)}) | "
                  f"{100 * low:.1f} to {percent(high, 1)} | {percent(out, 2)} | {mean(number(r, 'error') for r in cells):.4f} |")
    print()


def on_the_protocol(names):
    print("| attack | runs | mean error | worst | found | convicted | honest isolated | honest convicted | agreed |")
    print("|" + "---|" * 9)
    found = defaultdict(list)
    for name in names:
        for row in read(name):
            if int(row["liars"]):
                found[row["attack"]].append(row)
    for attack in sorted(found):
        rows = found[attack]
        if attack in PROTOCOL:
            liars = sum(int(row["liars"]) for row in rows)
            caught = sum(int(row["convicted"]) - int(row["honest_convicted"]) for row in rows) / liars
            print(f"| `{attack}` | {len(rows)} | {figure(mean(number(r, 'error') for r in rows))} | "
                  f"{figure(max(number(r, 'error') for r in rows))} | {percent(mean(number(r, 'recall') for r in rows))} | "
                  f"{percent(caught)} | {sum(int(r['honest_isolated']) for r in rows)} | "
                  f"{sum(int(r['honest_convicted']) for r in rows)} | {percent(mean(r['agreed'] == 'true' for r in rows), 1)} |")
    print()


if __name__ == "__main__":
    print("## Without liars\n")
    without_liars([("synthetic:1024", "quiet.csv.gz"), ("digits", "digits.csv.gz")])
    print("## One training round\n")
    attacked("n20.csv.gz")
    print("## Five training rounds\n")
    attacked("rounds.csv.gz")
    print("## digits\n")
    attacked("digits.csv.gz", accuracy=True)
    print("## Attacks on the protocol\n")
    on_the_protocol(["n20.csv.gz"])
