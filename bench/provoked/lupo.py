"""The program under test: doctor's findings, and speeds by its own bench."""
import json
import os
import subprocess


class Lupo:
    def __init__(self, path, folder):
        self.path = path
        self.folder = folder
        self.env = dict(os.environ, LUPO_STATE=os.path.join(folder, "state"), LUPO_CACHE=os.path.join(folder, "cache"))
        self.env.pop("LUPO_ISA", None)

    def run(self, *args, env=None, program=None, prefix=(), stdin=None, check=True):
        done = subprocess.run([*prefix, program or self.path, *map(str, args)], capture_output=True, text=True, check=False,
                              env=dict(self.env, **(env or {})), stdin=stdin or subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(done.args)}: {done.stderr.strip()[-400:]}")
        return done

    def calibrate(self, model):
        """At rest, so that what is disturbed later has something to be compared with."""
        for threads in (1, 2, os.cpu_count()):
            self.run("plan", model, "--threads", threads, "--json")
        self.run("hardware", "--disk", os.path.dirname(os.path.abspath(model)), "--json")

    def doctor(self, model, *args, **how):
        """Code: finding."""
        found = json.loads(self.run("doctor", model, *args, "--json", **how).stdout)
        return {finding["code"]: finding for finding in found["findings"]}

    def decode_tps(self, model, *args, depth=0, n=32, r=1, **how):
        out = self.run("bench", model, "-p", 0, "-n", n, "-d", depth, "-r", r, "--json", *args, **how).stdout
        return json.loads(out)["decode"][0]["tps"]
