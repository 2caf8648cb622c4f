#!/usr/bin/env python3
"""lupo beside llama.cpp, or a fork of it, on the same files and threads, in turns, so that a machine that drifts drifts for both.

    bench/side_by_side.py --peer FOLDER MODEL.gguf…
    bench/side_by_side.py --peer FOLDER --peer2 FOLDER --depths 4096,16384 --json all.json --write docs/performance.md MODEL.gguf…
    bench/side_by_side.py --from all.json --write README.md --plot docs/performance.svg

FOLDER holds llama-bench and, for batches and the first token, llama-batched-bench and llama-completion (or llama-cli); a path to
one of these tools gives that one alone. Measured are, for each model: prefill and decode with an empty cache and at depths, there
with caches of f16 and q8_0; decode with activations of 8 bits, which the peers always have; the decode of several sequences; a
whole process up to its first token, and its greatest resident memory. Each round runs every program once; who begins alternates.
The table shows medians over the rounds, and the median of the ratios of each round. A program that crashes, hangs or lacks a flag
says so in its cell, and the rest goes on.

--write FILE replaces what stands between the lines `<!-- side_by_side: full -->` (or brief) and `<!-- /side_by_side -->` of FILE.
Nothing but Python's own library is needed. Exit status: 0; 1 where lupo failed; 2 for wrong usage.
"""
import argparse
import datetime
import json
import os
import platform
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from beside import plot, report
from beside.programs import ROOF, Failed, Job, Lupo, Peer

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KINDS = ("speed", "eight", "depth", "kv", "batch", "first")


def tools_of(path):
    """(llama-bench, llama-batched-bench, llama-completion), None where there is none."""
    names = (("llama-bench",), ("llama-batched-bench",), ("llama-completion", "llama-cli"))
    if os.path.isdir(path):
        return tuple(next((os.path.join(path, n) for n in group if os.path.isfile(os.path.join(path, n))), None) for group in names)
    if not os.path.isfile(path):
        sys.exit(f"error: there is no {path}")
    return tuple(path if os.path.basename(path) in group else None for group in names)


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def commit():
    """Of the sources beside this script, with + where they were changed; empty outside a repository."""
    done = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty=+"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def command_line(args):
    """What repeats this, without the paths of this machine."""
    parts = ["bench/side_by_side.py"]
    for flag, value in (("--peer", args.peer), ("--peer2", args.peer2)):
        parts += [flag, "PATH"] if value else []
    for flag, value in (("-p", args.prompt), ("-n", args.tokens), ("--depths", args.depths), ("--batches", args.batches),
                        ("--tests", args.tests), ("-r", args.rounds)):
        text = ",".join(str(v) for v in value) if isinstance(value, list) else str(value)
        default = args.defaults[flag.lstrip("-")]
        if text != default:
            parts += [flag, text or '""']
    return " ".join(parts) + " MODEL…"


def jobs_of(args):
    speed, eight, depth, kv, batch = (kind in args.tests for kind in KINDS[:5])
    jobs = [Job(args.prompt, args.tokens)] if speed else []
    jobs += [Job(0, args.tokens, activations="8")] if eight else []
    for n in args.depths:
        jobs += [Job(args.prompt, args.tokens, depth=n)] if depth or kv else []
        jobs += [Job(args.prompt, args.tokens, depth=n, kv="q8_0")] if kv else []
    return jobs + [Job(0, args.batch_tokens, depth=args.batch_depth, batch=n) for n in (args.batches if batch else [])]


def cells_of(job):
    tests = [("decode", job.n_decode)] if job.batch > 1 else [("prefill", job.n_prompt), ("decode", job.n_decode)]
    return [{"test": test, "n": n, "depth": job.depth, "batch": job.batch, "kv": job.kv, "activations": job.activations, "values": {}, "errors": {}, "work": []}
            for test, n in tests if n > 0]


def measure_job(programs, job, model, cells, runs):
    """One round: a number or None of every program in every cell."""
    for program in programs:
        speeds = {}
        if program.name == "lupo" or program.measures(job):
            try:
                speeds = program.speeds(job, model)
            except Failed as error:
                for cell in cells:
                    cell["errors"][program.name] = str(error)
                print(f"  {program.name}: {error}", file=sys.stderr)
        for cell in cells:
            cell["values"].setdefault(program.name, []).append(speeds.get(cell["test"]))
            if program.name == "lupo" and cell["test"] in speeds:
                cell["work"].append(speeds["work of " + cell["test"]])
        if program.name == "lupo" and speeds:
            runs.append(speeds)


def measure_first_token(args, programs, model, first):
    for program in programs:
        values = {"seconds": None, "mib": None}
        if program.name == "lupo" or program.completion:
            try:
                values = program.first_token(model, args.context)
            except Failed as error:
                for key in values:
                    first[key]["errors"][program.name] = str(error)
                print(f"  {program.name}: {error}", file=sys.stderr)
        for key, value in values.items():
            first[key]["values"].setdefault(program.name, []).append(value)


def greatest_roof(roofs):
    return {key: max(roof[key] for roof in roofs) for key in ROOF} if roofs else {}


def measure_model(args, lupo, peers, path, runs, save):
    jobs = [(job, cells_of(job)) for job in jobs_of(args)]
    model = {"model": os.path.basename(path).removesuffix(".gguf"), "cells": [cell for _, cells in jobs for cell in cells]}
    if "first" in args.tests:
        model["first_token"] = {key: {"values": {}, "errors": {}} for key in ("seconds", "mib")}
        try:
            model["first_token"]["planned_mib"] = lupo.planned_mib(path, args.context)
        except Failed as error:
            print(f"  lupo: {error}", file=sys.stderr)
    first_run = len(runs)
    for number in range(args.rounds):
        programs = [*peers, lupo] if number % 2 == 0 else [lupo, *peers]
        for job, cells in jobs:
            measure_job(programs, job, path, cells, runs)
        if "first" in args.tests:
            measure_first_token(args, programs, path, model["first_token"])
        model["roof"] = greatest_roof([run["roof"] for run in runs[first_run:]])
        print(f"{model['model']}: round {number + 1} of {args.rounds}", file=sys.stderr)
        save(model)
    return model


def failed_somewhere(result):
    everything = [cell for model in result["models"] for cell in model["cells"]]
    everything += [model["first_token"][key] for model in result["models"] if "first_token" in model for key in ("seconds", "mib")]
    return any("lupo" in cell["errors"] for cell in everything)


def measure(args):
    lupo = Lupo(args.lupo, args.threads, args.timeout)
    peers = [Peer(name, *tools_of(path), args.threads, args.timeout)
             for name, path in ((args.peer_name, args.peer), (args.peer2_name, args.peer2)) if path]
    try:
        version = lupo.version()
    except Failed as error:
        sys.exit(f"error: {args.lupo}: {error}")
    header = {"date": datetime.date.today().isoformat(), "processor": processor(), "cpus": os.cpu_count(), "threads": args.threads,
              "load_before": os.getloadavg()[0], "lupo": f"{version} {commit()}".strip(),
              "peers": {peer.name: peer.version() for peer in peers}, "rounds": args.rounds, "command": command_line(args)}
    result = {"header": header, "models": []}
    runs, done = [], []

    def save(model):
        header["isa"] = runs[0]["isa"] if runs else "?"
        header.update(greatest_roof([run["roof"] for run in runs]))
        result["models"] = [*done, model]
        if args.json:
            with open(args.json, "w", encoding="utf-8") as file:
                json.dump(result, file, indent=1)

    for path in args.models:
        done.append(measure_model(args, lupo, peers, path, runs, save))
    return result


def merged(paths):
    """Results of several runs as one: the header of the first, cells of the same model side by side."""
    results = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            results.append(json.load(file))
    result = results[0]
    for other in results[1:]:
        for model in other["models"]:
            same = next((m for m in result["models"] if m["model"] == model["model"]), None)
            if same is None:
                result["models"].append(model)
                continue
            same["cells"] += model["cells"]
            same["roof"] = greatest_roof([roof for roof in (same["roof"], model["roof"]) if roof])
            if "first_token" in model:
                same["first_token"] = model["first_token"]
    return result


def arguments(argv):
    numbers = lambda text: [int(part) for part in text.split(",") if part]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL.gguf")
    parser.add_argument("--peer", help="folder of llama.cpp's tools, or one of them")
    parser.add_argument("--peer-name", default="llama.cpp")
    parser.add_argument("--peer2", help="a second peer, such as ik_llama.cpp")
    parser.add_argument("--peer2-name", default="ik_llama.cpp")
    parser.add_argument("--lupo", default=os.path.join(ROOT, "build/release/bin/lupo"))
    parser.add_argument("--tests", default=",".join(KINDS), help=f"of {','.join(KINDS)}")
    parser.add_argument("-p", "--prompt", type=int, default=512, help="tokens of the prompt")
    parser.add_argument("-n", "--tokens", type=int, default=64, help="tokens to decode")
    parser.add_argument("--depths", default="4096", help="tokens in the cache before: 4096,16384")
    parser.add_argument("--batches", default="8,16,32", help="sequences that decode together")
    parser.add_argument("--batch-depth", type=int, default=128, help="tokens in the cache of each of them")
    parser.add_argument("--batch-tokens", type=int, default=32, help="tokens that each of them decodes")
    parser.add_argument("-c", "--context", type=int, default=2048, help="context of the run to the first token")
    parser.add_argument("-t", "--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("-r", "--rounds", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=900, help="seconds that one run may take")
    parser.add_argument("--json", metavar="FILE", help="every figure of every round, written after each")
    parser.add_argument("--from", dest="sources", action="append", default=[], metavar="JSON", help="show these, measure nothing")
    parser.add_argument("--write", action="append", default=[], metavar="FILE.md", help="put the table into a file; may be repeated")
    parser.add_argument("--plot", metavar="FILE.svg")
    args = parser.parse_args(argv)
    args.defaults = {"p": "512", "n": "64", "depths": "4096", "batches": "8,16,32", "tests": ",".join(KINDS), "r": "3"}
    args.tests = args.tests.split(",")
    if unknown := set(args.tests) - set(KINDS):
        parser.error(f"--tests knows {','.join(KINDS)}, not {','.join(sorted(unknown))}")
    try:
        args.depths, args.batches = numbers(args.depths), numbers(args.batches)
    except ValueError as error:
        parser.error(str(error))
    if bool(args.models) == bool(args.sources):
        parser.error("models to measure, or --from with what was measured")
    return args


def main(argv):
    args = arguments(argv)
    result = merged(args.sources) if args.sources else measure(args)
    if args.sources and args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
    print(report.full(result))
    for path in args.write:
        report.write_into(path, result, args.plot)
    if args.plot:
        with open(args.plot, "w", encoding="utf-8") as file:
            file.write(plot.svg(result))
    return 1 if failed_somewhere(result) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, ValueError) as problem:
        sys.exit(f"error: {problem}")
