#!/usr/bin/env python3
"""Holds the instructions of every kernel against a table: a guard against slow kernels that no slow machine can trip.

    bench/kernel_instructions.py            compares, as the ctest of that name does
    bench/kernel_instructions.py --write    writes the table anew, after a kernel was changed on purpose

bench/kernel_instructions.cpp runs each product under valgrind's callgrind, which counts what it executes, for AVX2, the widest set
that valgrind 3.19 knows. The table holds instructions of 1000 multiply-adds, a line for each tensor type, and
one for its products with activations of 8 bits in steps of few tokens. A count that is more than
the band away fails: above it a kernel became slower, below it the table is out of date. Instructions are not time: a change that
trades one for the other is what --write is for. Exit status: 0, 1 for a difference, 2 for wrong usage or no valgrind, 77 where the
table does not apply (another architecture or compiler).
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BAND = 0.05  # the greatest that does not fail: more than compilers of one version differ, less than a lost unrolling
TOKENS = (1, 4, 16, 128)
SKIPPED = 77


def fail(message, code=2):
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)


def count(driver, isa):
    """(compiler and instruction set, {(name, tokens): instructions of 1000 multiply-adds})."""
    if shutil.which("valgrind") is None:
        fail("valgrind is not installed\nfix: apt-get install valgrind")
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "counts")
        done = subprocess.run(["valgrind", "--tool=callgrind", "--toggle-collect=measured", "--dump-after=measured",
                               f"--callgrind-out-file={out}", driver], env={**os.environ, "LUPO_ISA": isa}, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode == SKIPPED:
            print(f"skipped: {done.stderr.strip().splitlines()[-1]}")
            sys.exit(SKIPPED)
        if done.returncode != 0:
            fail(f"{driver} under valgrind ended with {done.returncode}:\n{done.stderr[-2000:]}")
        head, *lines = done.stdout.splitlines()
        counts = {}
        for number, line in enumerate(lines, 1):  # the n-th call is in the n-th dump
            name, tokens, multiply_adds = line.split()
            with open(f"{out}.{number}", encoding="utf-8") as file:
                total = int(re.search(r"^totals: (\d+)", file.read(), re.MULTILINE)[1])
            counts[name, int(tokens)] = 1000 * total / int(multiply_adds)
    return head, counts


def to_text(head, counts):
    names = list(dict.fromkeys(name for name, _ in counts))
    lines = [f"# {head}: instructions of 1000 multiply-adds by tokens; bench/kernel_instructions.py --write",
             f"{'type':<14}" + "".join(f"{n:>10}" for n in TOKENS)]
    for name in names:
        cells = [f"{counts[name, n]:>10.1f}" if (name, n) in counts else f"{'-':>10}" for n in TOKENS]
        lines.append(f"{name:<14}" + "".join(cells))
    return "\n".join(lines) + "\n"


def from_text(text):
    first, columns, *lines = text.splitlines()
    tokens = [int(n) for n in columns.split()[1:]]
    counts = {}
    for line in lines:
        name, *cells = line.split()
        counts.update({(name, n): float(cell) for n, cell in zip(tokens, cells) if cell != "-"})
    return first.removeprefix("# ").split(":")[0], counts


def differences(known, counted, band=BAND):
    """A sentence for each count that is not what the table says."""
    found = []
    for name, tokens in known.keys() | counted.keys():
        what = f"{name} with {tokens} token{'s' if tokens > 1 else ''}"
        if (name, tokens) not in counted:
            found.append(f"{what}: in the table, but there is no such kernel")
        elif (name, tokens) not in known:
            found.append(f"{what}: not in the table")
        else:
            before, now = known[name, tokens], counted[name, tokens]
            if abs(now - before) > band * before:
                verdict = "slower" if now > before else "better than the table"
                found.append(f"{what}: {now:.1f} instructions, {before:.1f} in the table, {100 * (now / before - 1):+.0f} %: {verdict}")
    return sorted(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", default=os.path.join(ROOT, "build/release/bin/kernel_instructions"))
    parser.add_argument("--table", default=os.path.join(ROOT, "bench/kernel_instructions.avx2.txt"))
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    if not os.path.isfile(args.driver):
        fail(f"there is no {args.driver}\nfix: cmake --build --preset release --target kernel_instructions")
    head, counts = count(args.driver, "avx2")
    if args.write:
        with open(args.table, "w", encoding="utf-8") as file:
            file.write(to_text(head, counts))
        print(f"{args.table}: {len(counts)} counts")
        return 0
    with open(args.table, encoding="utf-8") as file:
        known_head, known = from_text(file.read())
    if known_head != head:
        print(f"skipped: the table is of {known_head}, this is {head}")
        return SKIPPED
    found = differences(known, counts)
    print("\n".join(found) or f"{len(counts)} counts as in the table, within {100 * BAND:g} %")
    if found:
        print("fix: make the kernel as short as it was, or, where the change is meant: bench/kernel_instructions.py --write")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
