"""From the file of results to tables of ratios."""

import csv
import json
import os
import re
import statistics
from collections import defaultdict

from cases import BARS, HERE

README = os.path.join(HERE, "..", "..", "README.md")


class Results:
    """Medians by case, number of threads and program; ratios within one round."""

    def __init__(self, records):
        self.machine = next((r for r in reversed(records) if "machine" in r), {})
        self.rounds = defaultdict(dict)
        latest = {}
        for record in records:
            if "case" in record and "none" not in record:
                latest[record["case"], record["threads"], record["program"]] = record["run"]
        for record in records:
            if "case" not in record or "none" in record:
                continue
            key = record["case"], record["threads"], record["program"]
            if record["run"] == latest[key] or record["program"].startswith("ours"):
                value = record.get("median") or record["peak"] - record["base"]
                self.rounds[key][record["run"], record["round"]] = value

    def cases(self, pattern, threads):
        known = dict.fromkeys(case for case, count, _ in self.rounds if count == threads)
        return [case for case in known if re.search(pattern, case)]

    def value(self, case, threads, program):
        values = self.rounds.get((case, threads, program))
        if not values:
            return None
        last = max(run for run, _ in values)
        return statistics.median(v for (run, _), v in values.items() if run == last)

    def ratio(self, case, threads, peer, of="ours"):
        """The median over the rounds of the ratio within a round: what disturbs the machine for longer
        than a round disturbs both."""
        theirs = self.rounds.get((case, threads, peer), {})
        ours = self.rounds.get((case, threads, of), {})
        ratios = [value / ours[turn] for turn, value in theirs.items() if turn in ours]
        return statistics.median(ratios) if ratios else None


def figures(results):
    """Each bar with its figure for one thread and for two: (bar, threads, needed, figure, worst case)."""
    for bar in BARS:
        for threads, needed in bar.needed.items():
            found = {
                case: results.ratio(case, threads, bar.peer, bar.of)
                for case in results.cases(bar.pattern, threads)
            }
            found = {case: ratio for case, ratio in found.items() if ratio is not None}
            if needed is not None and found:
                yield bar, threads, needed, bar.figure(found.values()), min(found, key=found.get)


def bars(results):
    lines = ["| | beside | 1 thread | needed | 2 threads | needed |", "|---|---|---|---|---|---|"]
    found = {(id(bar), threads): rest for bar, threads, *rest in figures(results)}
    for bar in BARS:
        if bar.name.startswith("random") and not any((id(bar), n) in found for n in bar.needed):
            continue
        cells = [bar.name, bar.peer]
        for threads, needed in bar.needed.items():
            if (id(bar), threads) not in found:
                cells += ["", ""] if needed is None else ["–", f"{needed:g}"]
                continue
            _, figure, worst = found[id(bar), threads]
            text = f"{figure:.2f}" if figure < 10 else f"{figure:.0f}"
            text = f"**{text}**" if figure >= needed else text
            if bar.figure is min:
                text += f" (`{worst}`)"
            cells += [text, f"{needed:g}"]
        lines.append("| " + " | ".join(cells) + " |")
    m = results.machine
    told = f"{m.get('machine', '')}, {m.get('cores', '')} cores, {m.get('rustc', '')}, {m.get('date', '')}"
    return "\n".join([*lines, "", f"Time of the peer / time of ours; bold: as needed. {told}."])


def every_case(results):
    lines = []
    for threads in (1, 2):
        known = results.cases("", threads)
        peers = list(dict.fromkeys(p for _, t, p in results.rounds if t == threads and p != "ours"))
        if not known:
            continue
        lines += ["", f"### {threads} thread{'s' * (threads > 1)}", ""]
        lines.append("| case | ours, ms | " + " | ".join(peers) + " |")
        lines.append("|---" * (len(peers) + 2) + "|")
        for case in known:
            ours = results.value(case, threads, "ours")
            if ours is None:
                continue
            cells = [results.ratio(case, threads, peer) for peer in peers]
            cells = ["" if cell is None else f"{cell:.2f}" for cell in cells]
            lines.append(f"| {case} | {ours / 1e6:.4g} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", "Memory in MB instead of ms."])


def write_markdown(results, path):
    """The table and every case, to be kept for a kind of machine."""
    m = results.machine
    title = f"# {m.get('machine', 'An unknown machine')}"
    note = (
        f"Last measured at commit {m.get('commit', '')}. Written by `benches/peers/run --markdown`; how it is measured: "
        "[benches/peers](../README.md)."
    )
    with open(path, "w") as file:
        print("\n".join([title, "", note, "", bars(results), every_case(results)]), file=file)


COLUMNS = ["case", "threads", "program", "median_ns_or_bytes", "ratio_to_ours"]


def rows(results):
    for case, threads, program in results.rounds:
        value = results.value(case, threads, program)
        yield [case, threads, program, value, results.ratio(case, threads, program)]


def write_csv(results, path):
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerows([COLUMNS, *rows(results)])


def write_json(results, path):
    names = ["bar", "beside", "threads", "needed", "figure", "worst"]
    held = [
        dict(zip(names, [bar.name, bar.peer, threads, *rest]))
        for bar, threads, *rest in figures(results)
    ]
    told = {"bars": held, "cases": [dict(zip(COLUMNS, row)) for row in rows(results)]}
    with open(path, "w") as file:
        json.dump({**results.machine, **told}, file, indent=1)


def into_readme(results):
    with open(README) as file:
        text = file.read()
    begin, end = "<!-- peers -->\n", "<!-- /peers -->"
    if begin not in text or end not in text:
        raise SystemExit(f"README.md has no lines {begin.strip()} and {end}")
    before, rest = text.split(begin, 1)
    _, after = rest.split(end, 1)
    with open(README, "w") as file:
        file.write(before + begin + bars(results) + "\n" + end + after)
