"""lupo and its peers: one run each, and what it printed as numbers.

A peer is a folder of llama.cpp's tools or of a fork of it: llama-bench, llama-batched-bench and llama-completion (or llama-cli).
What a tool can do is asked of its own --help, since forks have older flags. Failed carries a few words for a table's cell.
"""
import dataclasses
import json
import os
import signal
import subprocess
import tempfile
import threading
import time


ROOF = ("read_gbps", "int8_gmacs", "f32_gmacs")  # of `lupo bench`


class Failed(Exception):
    """Why there is no number: "SIGSEGV", "exit 1: …", "no answer in 600 s", "has no -d"."""


@dataclasses.dataclass(frozen=True)
class Job:
    """One run of each program: prefill and decode of one sequence, or the decode of several."""
    n_prompt: int
    n_decode: int
    depth: int = 0
    batch: int = 1
    kv: str = "f16"
    activations: str = "auto"  # lupo's; peers have 8 bits


@dataclasses.dataclass
class Finished:
    out: str
    err: str
    seconds: float
    rss_mib: float


def run(command, timeout_s):
    """Runs a command to its end with nothing to read; raises Failed where it does not end with 0."""
    command = [str(part) for part in command]
    with tempfile.TemporaryFile("w+", errors="replace") as out, tempfile.TemporaryFile("w+", errors="replace") as err:
        begin = time.perf_counter()
        try:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        except OSError as error:
            raise Failed(error.strerror) from error
        expired = threading.Event()
        timer = threading.Timer(timeout_s, lambda: (expired.set(), child.kill()))
        timer.start()
        try:
            _, status, usage = os.wait4(child.pid, 0)
        finally:
            timer.cancel()
        seconds = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        finished = Finished(out.read(), err.read(), seconds, usage.ru_maxrss / 1024)
    if expired.is_set():
        raise Failed(f"no answer in {timeout_s:g} s")
    if child.returncode < 0:
        raise Failed(signal.Signals(-child.returncode).name)
    if child.returncode > 0:
        last = (finished.err.strip().splitlines() or [""])[-1]
        raise Failed(f"exit {child.returncode}: {last}"[:160])
    return finished


def parsed(text, what):
    try:
        return json.loads(text)
    except ValueError as error:
        raise Failed(f"{what} printed no JSON") from error


class Lupo:
    name = "lupo"

    def __init__(self, path, threads, timeout_s):
        self.path, self.threads, self.timeout_s = path, threads, timeout_s

    def version(self):
        return run([self.path, "--version"], self.timeout_s).out.strip()

    def speeds(self, job, model):
        n_prompt = job.n_prompt if job.batch == 1 else 0
        done = run([self.path, "bench", model, "-p", n_prompt, "-n", job.n_decode, "-d", job.depth, "-b", job.batch, "-t",
                    self.threads, "-r", 1, "--kv-type", job.kv,
                    "--activations", job.activations, "--json"], self.timeout_s)
        result = parsed(done.out, "lupo bench")
        speeds = {"isa": result["isa"], "roof": {key: result["roofs"][-1][key] for key in ROOF}}
        for test in ("prefill", "decode"):
            if result[test]:
                row = result[test][0]
                speeds[test] = row["tps"]
                speeds["work of " + test] = {key: row.get(key) for key in ("gbps", "gmacs", "int8_share")}
        return speeds

    def first_token(self, model, context):
        done = run([self.path, "run", model, "--raw", "-p", "The capital of France is", "-n", 1, "-t", self.threads, "--temp", 0,
                    "--ctx", context], self.timeout_s)
        return {"seconds": done.seconds, "mib": done.rss_mib}

    def planned_mib(self, model, context):
        """Weights and cache of such a run."""
        plan = parsed(run([self.path, "plan", model, "--ctx", context, "--json"], self.timeout_s).out, "lupo plan")
        return (plan["bytes"]["weights"] + plan["bytes"]["kv"]) / 2**20


class Peer:
    """Paths may be None: what a tool would measure is then left out."""

    def __init__(self, name, bench, batched, completion, threads, timeout_s):
        self.name, self.bench, self.batched, self.completion = name, bench, batched, completion
        self.threads, self.timeout_s = threads, timeout_s
        self.helps = {}

    def version(self):
        for path in (self.completion, self.bench, self.batched):
            try:
                done = run([path, "--version"], self.timeout_s) if path else None
            except Failed:
                continue
            for line in (done.out + done.err).splitlines() if done else ():
                if line.startswith("version"):
                    return line.removeprefix("version:").strip()
        return "of an unknown version"

    def has(self, path, flag):
        """Whether --help of a tool lists a flag."""
        if path not in self.helps:
            done = subprocess.run([path, "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                                  timeout=self.timeout_s, check=False)
            self.helps[path] = done.stdout + done.stderr
        words = self.helps[path].replace(",", " ").replace("[", " ").replace("]", " ").split()
        return flag in words

    def measures(self, job):
        return bool(self.batched if job.batch > 1 else self.bench)

    def cache_options(self, path, job):
        if job.kv == "f16":
            return []
        flash = "on" if "on|off" in self.helps.get(path, "") else "1"  # a coded cache of values needs it
        return ["-ctk", job.kv, "-ctv", job.kv] + (["-fa", flash] if self.has(path, "-fa") else [])

    def speeds(self, job, model):
        try:
            return self.batch_speed(job, model) if job.batch > 1 else self.bench_speeds(job, model)
        except (OSError, subprocess.TimeoutExpired) as error:  # of --help
            raise Failed(str(error)[:160]) from error

    def bench_speeds(self, job, model):
        has_depth = self.has(self.bench, "-d")
        if job.depth and not has_depth and not self.has(self.bench, "-gp"):
            raise Failed("has neither -d nor -gp")
        common = [self.bench, "-m", model, "-t", self.threads, "-r", 1, "-o", "json", *self.cache_options(self.bench, job)]
        if job.depth and not has_depth:  # decode alone can be timed behind a prompt
            tests = ["-p", 0, "-n", 0, "-gp", f"{job.depth},{job.n_decode}"]
        else:
            tests = ["-p", job.n_prompt, "-n", job.n_decode] + (["-d", job.depth] if job.depth else [])
        rows = parsed(run([*common, *tests], self.timeout_s).out, "llama-bench")
        speeds = {}
        for row in rows:
            decodes = row["n_gen"] == job.n_decode and job.n_decode > 0
            speeds["decode" if decodes else "prefill"] = row["avg_ts"]
        return speeds

    def batch_speed(self, job, model):
        room = (job.depth + job.n_decode) * job.batch
        command = [self.batched, "-m", model, "-t", self.threads, "-c", room, "-npp", job.depth, "-ntg", job.n_decode, "-npl",
                   job.batch, *self.cache_options(self.batched, job)]
        if self.has(self.batched, "--output-format"):
            out = run([*command, "--output-format", "jsonl"], self.timeout_s).out
            rows = [parsed(line, "llama-batched-bench") for line in out.splitlines() if line.startswith("{")]
            found = [row["speed_tg"] for row in rows if row["pl"] == job.batch]
        else:  # | PP | TG | B | N_KV | T_PP s | S_PP t/s | T_TG s | S_TG t/s | T s | S t/s |
            cells = [[cell.strip() for cell in line.split("|")] for line in run(command, self.timeout_s).out.splitlines()]
            found = [float(row[8]) for row in cells if len(row) == 12 and row[3] == str(job.batch)]
        if not found:
            raise Failed("llama-batched-bench printed no such row")
        return {"decode": found[0]}

    def first_token(self, model, context):
        quiet = [flag for flag in ("-no-cnv", "--no-warmup") if self.has(self.completion, flag)]
        done = run([self.completion, "-m", model, "-p", "The capital of France is", "-n", 1, "-t", self.threads, "--temp", 0, "-c",
                    context, *quiet], self.timeout_s)
        return {"seconds": done.seconds, "mib": done.rss_mib}
