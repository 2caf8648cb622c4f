"""Results as Markdown: the full tables of docs/performance.md, the short ones of the README, and their place in a file.

A result is what side_by_side.py writes as JSON: {"header": {…}, "models": [{"model", "cells": [Cell], "first_token": {…}}]}.
A cell is one test: {"test": "prefill" | "decode", "n", "depth", "batch", "kv", "values": {program: [number | null, a round each]},
"errors": {program: text}, "work": [what lupo reached: {"gbps", "gmacs", "int8_share"}, a round each]}. "roof" of a model holds the
greatest read bandwidth and peaks of all its runs: other processes only ever take away.
"""
import os
import re
import statistics


def median(values):
    there = [value for value in values if value is not None]
    return statistics.median(there) if there else None


def ratio(ours, theirs):
    """The median of the rounds' ratios; None where no round has both."""
    return median([a / b for a, b in zip(ours, theirs) if a is not None and b])


def number(value):
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.3f}"


def times(value):
    return "–" if value is None else f"{value:.2f}×"


def percent(value):
    return "" if value is None else f"{100 * value:.0f} %"


def of_read(model, cell):
    """The share of the read bandwidth that a decode reached."""
    reached = median([work["gbps"] for work in cell["work"]]) if cell["test"] == "decode" else None
    return reached and reached / model["roof"]["read_gbps"]


def of_peak(model, cell):
    """The share of the peaks: products of integer codes at int8's, all other at f32's."""
    roof = model.get("roof", {})
    return median([work["gmacs"] * (work["int8_share"] / roof["int8_gmacs"] + (1 - work["int8_share"]) / roof["f32_gmacs"])
                   for work in cell["work"]])


def line(cells):
    return "| " + " | ".join(cells) + " |"


def rule(n):
    return "|" + "---|" * n


def test_name(cell):
    name = f"{cell['test']} {cell['n']}"
    if cell["batch"] > 1:
        name += f", {cell['batch']} sequences"
    if cell["depth"]:
        name += f" at {cell['depth']}"
    if cell.get("activations", "auto") != "auto":
        name += f", activations of {cell['activations']} bits"
    return name + (f", KV {cell['kv']}" if cell["depth"] or cell["kv"] != "f16" else "")


def value_of(cell, program):
    if program in cell["errors"] and median(cell["values"].get(program, [])) is None:
        return cell["errors"][program].replace("|", "/")
    return number(median(cell["values"].get(program, [])))


def heading(header):
    peers = ", ".join(f"{name} {version}" for name, version in header["peers"].items())
    text = (f"{header['date']}, {header['processor']}, {header['threads']} threads of {header['cpus']} CPUs, {header['isa']}; "
            f"{header['lupo']} beside {peers or 'nobody'}; medians of {header['rounds']} alternating rounds, a ratio is the median of "
            "the rounds' ratios. ")
    if header.get("read_gbps"):
        text += (f"Measured in the same runs: reads {header['read_gbps']:.1f} GB/s, int8 {header['int8_gmacs']:.0f} and f32 "
                 f"{header['f32_gmacs']:.0f} GMAC/s (greatest). ")
    return text + f"By `{header['command']}`."


def speed_table(result):
    peers = list(result["header"]["peers"])
    columns = ["model", "test", "lupo, tok/s"]
    for peer in peers:
        columns += [peer, "ratio"]
    columns += ["of the read bandwidth", "of the peak"]
    lines = [line(columns), rule(len(columns))]
    for model in result["models"]:
        for cell in model["cells"]:
            row = [model["model"], test_name(cell), value_of(cell, "lupo")]
            for peer in peers:
                row += [value_of(cell, peer), times(ratio(cell["values"]["lupo"], cell["values"].get(peer, [])))]
            lines.append(line(row + [percent(of_read(model, cell)), percent(of_peak(model, cell))]))
    return lines


def start_table(result):
    models = [model for model in result["models"] if model.get("first_token")]
    if not models:
        return []
    peers = list(result["header"]["peers"])
    columns = ["model", "start to first token, s: lupo"]
    for peer in peers:
        columns += [peer, "ratio"]
    columns += ["resident, MiB: lupo", *peers, "weights + KV"]
    lines = ["", line(columns), rule(len(columns))]
    for model in models:
        first = model["first_token"]
        seconds, mib = first["seconds"], first["mib"]
        row = [model["model"], value_of(seconds, "lupo")]
        for peer in peers:
            row += [value_of(seconds, peer), times(ratio(seconds["values"]["lupo"], seconds["values"].get(peer, [])))]
        row += [value_of(mib, name) for name in ("lupo", *peers)]
        lines.append(line(row + [number(first.get("planned_mib"))]))
    return lines


def full(result):
    return "\n".join([heading(result["header"]), "", *speed_table(result), *start_table(result)])


def plain(cell):
    return cell["depth"] == 0 and cell["batch"] == 1 and cell["kv"] == "f16" and cell.get("activations", "auto") == "auto"


def brief(result):
    """One row a model: an empty cache, one sequence, the first peer."""
    peer = next(iter(result["header"]["peers"]), None)
    lines = [heading(result["header"]), "", line(["model", "prefill, tok/s: lupo / peer", "ratio", "of the peak",
                                                  "decode, tok/s: lupo / peer", "ratio", "of the read bandwidth"]), rule(7)]
    for model in result["models"]:
        row = [model["model"]]
        for test, share in (("prefill", of_peak), ("decode", of_read)):
            cell = next((c for c in model["cells"] if plain(c) and c["test"] == test), None)
            if cell is None:
                row += ["–", "–", ""]
                continue
            row += [f"{value_of(cell, 'lupo')} / {value_of(cell, peer)}",
                    times(ratio(cell["values"]["lupo"], cell["values"].get(peer, []))), percent(share(model, cell))]
        lines.append(line(row))
    return "\n".join(lines + start_table(result))


FORMS = {"full": full, "brief": brief}
PLACE = re.compile(r"(<!-- side_by_side: (\w+) -->\n).*?(<!-- /side_by_side -->)", re.DOTALL)


def write_into(path, result, plot=None):
    """Replaces what stands between `<!-- side_by_side: full -->` (or brief) and `<!-- /side_by_side -->`; full shows the plot."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    found = PLACE.search(text)
    if found is None or found[2] not in FORMS:
        raise ValueError(f"{path} has no line <!-- side_by_side: {' or '.join(FORMS)} --> with <!-- /side_by_side --> below")
    content = FORMS[found[2]](result) + "\n"
    if plot and found[2] == "full":
        content += f"\n![prefill and decode]({os.path.relpath(plot, os.path.dirname(os.path.abspath(path)))})\n"
    text = PLACE.sub(lambda match: match[1] + content + match[3], text)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
