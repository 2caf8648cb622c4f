#!/usr/bin/env python3
"""lupo beside llama.cpp on the same files and threads, in turns, so that a machine that drifts drifts for both.

    bench/side_by_side.py --peer PATH/llama-bench [--peer-run PATH/llama-completion] MODEL.gguf…

Each round runs the peer, then lupo; the table shows the medians over the rounds and the median of the ratios of each round.
--peer-run also compares a whole process that answers with one token (load to first token) and its greatest resident memory.
Nothing but Python's own library is needed. Exit status: 0, or 1 where a program failed.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time


def output_of(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        sys.exit(f"error: {command[0]} exited with {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def peer_speed(args, model):
    rows = json.loads(
        output_of([args.peer, "-m", model, "-p", args.prompt, "-n", args.tokens, "-t", args.threads, "-r", 1, "-o", "json"]))
    return {"prefill": next(row["avg_ts"] for row in rows if row["n_prompt"] > 0),
            "decode": next(row["avg_ts"] for row in rows if row["n_gen"] > 0)}


def lupo_speed(args, model):
    result = json.loads(output_of(
        [args.lupo, "bench", model, "-p", args.prompt, "-n", args.tokens, "-t", args.threads, "-r", 1, "--json"]))
    return {"prefill": result["prefill"][0]["tps"], "decode": result["decode"][0]["tps"],
            "roof": result["decode"][0]["roof_fraction"], "read_gbps": result["read_gbps"], "isa": result["isa"]}


def process_cost(command):
    """Seconds from start to exit and the greatest resident memory, MiB, of a process."""
    begin = time.perf_counter()
    with open(os.devnull, "r+b") as null:
        child = subprocess.Popen([str(part) for part in command], stdin=null, stdout=null, stderr=null)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"error: {command[0]} exited with {child.returncode}")
    return time.perf_counter() - begin, usage.ru_maxrss / 1024


def first_token(args, model):
    common = ["-m", model, "-p", "The capital of France is", "-n", 1, "-t", args.threads, "--temp", 0]
    peer = process_cost([args.peer_run, *common, "-c", args.context, "-no-cnv", "--no-warmup"])
    lupo = process_cost([args.lupo, "run", model, "--raw", "-p", "The capital of France is", "-n", 1, "-t", args.threads,
                         "--temp", 0, "--ctx", args.context])
    return {"peer_s": peer[0], "lupo_s": lupo[0], "peer_mib": peer[1], "lupo_mib": lupo[1]}


def compare(args, model):
    rounds = []
    for number in range(args.rounds):
        entry = {"peer": peer_speed(args, model), "lupo": lupo_speed(args, model)}
        if args.peer_run:
            entry["first_token"] = first_token(args, model)
        rounds.append(entry)
        print(f"{os.path.basename(model)} round {number + 1} of {args.rounds}", file=sys.stderr)
    median = lambda values: statistics.median(list(values))
    result = {"model": os.path.basename(model), "rounds": rounds}
    for test in ("prefill", "decode"):
        result[test] = {"lupo": median(r["lupo"][test] for r in rounds), "peer": median(r["peer"][test] for r in rounds),
                        "ratio": median(r["lupo"][test] / r["peer"][test] for r in rounds)}
    result["roof"] = median(r["lupo"]["roof"] for r in rounds)
    result["read_gbps"] = median(r["lupo"]["read_gbps"] for r in rounds)
    result["isa"] = rounds[0]["lupo"]["isa"]
    if args.peer_run:
        result["first_token"] = {key: median(r["first_token"][key] for r in rounds) for key in rounds[0]["first_token"]}
    return result


def table(args, results):
    lines = [f"| model | prefill {args.prompt}, tok/s: lupo / peer | ratio | decode {args.tokens}, tok/s: lupo / peer | ratio "
             "| of the roof |", "|---|---|---|---|---|---|"]
    for r in results:
        lines.append(f"| {r['model']} | {r['prefill']['lupo']:.0f} / {r['prefill']['peer']:.0f} | {r['prefill']['ratio']:.2f}× "
                     f"| {r['decode']['lupo']:.1f} / {r['decode']['peer']:.1f} | {r['decode']['ratio']:.2f}× "
                     f"| {100 * r['roof']:.0f} % of {r['read_gbps']:.1f} GB/s |")
    if args.peer_run:
        lines += ["", "| model | start to first token, s: lupo / peer | ratio | resident, MiB: lupo / peer |", "|---|---|---|---|"]
        for r in results:
            f = r["first_token"]
            lines.append(f"| {r['model']} | {f['lupo_s']:.3f} / {f['peer_s']:.3f} | {f['lupo_s'] / f['peer_s']:.2f}× "
                         f"| {f['lupo_mib']:.0f} / {f['peer_mib']:.0f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("models", nargs="+", metavar="MODEL.gguf")
    parser.add_argument("--peer", required=True, help="llama-bench")
    parser.add_argument("--peer-run", help="llama-completion")
    parser.add_argument("--lupo", default=os.path.join(root, "build/release/bin/lupo"))
    parser.add_argument("-p", "--prompt", type=int, default=512, help="tokens of the prompt")
    parser.add_argument("-n", "--tokens", type=int, default=64, help="tokens to decode")
    parser.add_argument("-c", "--context", type=int, default=2048, help="context of --peer-run")
    parser.add_argument("-t", "--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("-r", "--rounds", type=int, default=3)
    parser.add_argument("--json", metavar="FILE", help="every figure of every round")
    args = parser.parse_args()
    results = [compare(args, model) for model in args.models]
    print(f"{args.threads} threads, isa {results[0]['isa']}, medians of {args.rounds} alternating rounds\n")
    print(table(args, results))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
