"""bench/side_by_side.py with programs that only pretend: what it asks of them, what it makes of answers, crashes and old flags."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.dom.minidom

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "bench", "side_by_side.py")

LUPO = """
import json, sys
a = sys.argv
value = lambda flag: a[a.index(flag) + 1]
if a[1] == "--version": print("lupo 9.9")
elif a[1] == "run": pass
elif a[1] == "plan": print(json.dumps({"bytes": {"weights": 3 * 2**20, "kv": 2**20}}))
else:
    depth, batch, p = int(value("-d")), int(value("-b")), int(value("-p"))
    slow = 2 if depth else 1
    print(json.dumps({"isa": "avx9", "roofs": [{"int8_gmacs": 1}, {"read_gbps": 20.0 / slow, "int8_gmacs": 100, "f32_gmacs": 50}],
        "prefill": [{"tps": 600 / slow, "gmacs": 40.0, "int8_share": 0.75}] if p else [],
        "decode": [{"tps": 30.0 * batch / slow, "gbps": 15.0, "gmacs": 10.0, "int8_share": 1.0}]}))
"""
BENCH = """
import json, sys
a = sys.argv
value = lambda flag: a[a.index(flag) + 1]
if "--help" in a: print("  -d, --n-depth <n>\\n -fa, --flash-attn <on|off|auto>")
elif "--version" in a: print("version: 1 (abc)", file=sys.stderr)
else:
    assert "-ctk" not in a or value("-fa") == "on"
    slow = 4 if "-d" in a else 1
    rows = [{"n_prompt": int(value("-p")), "n_gen": 0, "avg_ts": 200.0 / slow}, {"n_prompt": 0, "n_gen": int(value("-n")), "avg_ts": 20.0 / slow}]
    print(json.dumps(rows))
"""
BATCHED = """
import json, sys
if "--help" in sys.argv: print("--output-format {md,jsonl}")
else: print("noise\\n" + json.dumps({"pl": int(sys.argv[sys.argv.index("-npl") + 1]), "speed_tg": 60.0}))
"""
OLD_BENCH = """
import json, sys
a = sys.argv
if "--help" in a: print("  -p, --n-prompt <n>\\n  -gp <pp,tg>\\n")
elif "-gp" in a:
    pp, tg = map(int, a[a.index("-gp") + 1].split(","))
    print(json.dumps([{"n_prompt": pp, "n_gen": tg, "avg_ts": 15.0}]))
else: print(json.dumps([{"n_prompt": 512, "n_gen": 0, "avg_ts": 300.0}, {"n_prompt": 0, "n_gen": 64, "avg_ts": 25.0}]))
"""
OLD_BATCHED = """
import sys
if "--help" not in sys.argv: print("|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |\\n"
    "|-------|--------|------|--------|----------|----------|----------|----------|----------|----------|\\n"
    "|   128 |     32 |    8 |   1280 |    1.000 |   100.00 |    2.000 |   128.00 |    3.000 |   400.00 |")
"""
CRASH = "import os, sys\nos.kill(os.getpid(), 11) if '--help' not in sys.argv else print('-d')\n"
REFUSE = "import sys\nprint('cannot load', file=sys.stderr)\nsys.exit(3)\n"
HANG = "import sys, time\ntime.sleep(60) if '--help' not in sys.argv else print('-d')\n"
IDLE = ""


class SideBySide(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.lupo = self.program("lupo", LUPO)
        self.model = self.file("tiny.gguf", "")

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        return path

    def program(self, name, body):
        path = self.file(name, f"#!{sys.executable} -SE\n{body}")
        os.chmod(path, 0o755)
        return path

    def run_script(self, *args, code=0):
        done = subprocess.run([sys.executable, SCRIPT, "--lupo", self.lupo, *args], capture_output=True, text=True, cwd=self.folder,
                              check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def peer(self, name="peer", bench=BENCH, batched=BATCHED, completion=IDLE):
        for tool, body in (("llama-bench", bench), ("llama-batched-bench", batched), ("llama-completion", completion)):
            if body is not None:
                self.program(f"{name}/{tool}", body)
        return os.path.join(self.folder, name)

    def test_a_whole_table(self):
        out = self.run_script("--peer", self.peer(), "--batches", "8", "-r", "2", "--json", "all.json", self.model).stdout
        self.assertIn("llama.cpp 1 (abc); medians of 2 alternating rounds", out)
        self.assertIn("reads 20.0 GB/s, int8 100 and f32 50 GMAC/s", out)
        self.assertNotIn(self.folder, out, "the line that repeats it names no path of this machine")
        for row in ("| tiny | prefill 512 | 600 | 200 | 3.00× |  | 50 % |",
                    "| tiny | decode 64 | 30.0 | 20.0 | 1.50× | 75 % | 10 % |",
                    "| tiny | prefill 512 at 4096, KV f16 | 300 | 50.0 | 6.00× |  | 50 % |",
                    "| tiny | decode 64 at 4096, KV q8_0 | 15.0 | 5.0 | 3.00× | 75 % | 10 % |",
                    "| tiny | decode 32, 8 sequences at 128, KV f16 | 120 | 60.0 | 2.00× | 75 % | 10 % |"):
            self.assertIn(row, out)
        first = [line for line in out.splitlines() if line.startswith("| tiny |")][-1]
        self.assertTrue(first.endswith("| 4.0 |"), first)
        with open(os.path.join(self.folder, "all.json"), encoding="utf-8") as file:
            result = json.load(file)
        self.assertEqual(result["models"][0]["cells"][0]["values"], {"llama.cpp": [200.0, 200.0], "lupo": [600.0, 600.0]})

    def test_who_begins_alternates(self):
        turns = os.path.join(self.folder, "turns")
        note = "\nif '--help' not in sys.argv and '--version' not in sys.argv: open({!r}, 'a').write({!r})\n"
        self.lupo = self.program("lupo", LUPO + note.format(turns, "l"))
        self.run_script("--peer", self.peer(bench=BENCH + note.format(turns, "p")), "--tests", "speed", "-r", "3", self.model)
        with open(turns, encoding="utf-8") as file:
            self.assertEqual(file.read(), "pllppl")

    def test_a_peer_that_fails_says_so_in_its_cell_and_the_rest_goes_on(self):
        out = self.run_script("--peer", self.peer(bench=CRASH, completion=REFUSE), "--batches", "8", "-r", "1", self.model).stdout
        self.assertIn("| tiny | decode 64 | 30.0 | SIGSEGV | – |", out)
        self.assertIn("| 60.0 | 2.00× |", out)
        self.assertIn("exit 3: cannot load", out)
        out = self.run_script("--peer", self.peer(bench=HANG), "--timeout", "1", "--tests", "speed", "-r", "1", self.model).stdout
        self.assertIn("| no answer in 1 s | – |", out)

    def test_lupo_that_fails_is_the_exit_status(self):
        self.lupo = self.program("lupo", LUPO.replace('"decode": [', '"decode": 1 / 0, "x": ['))
        out = self.run_script("--peer", self.peer(), "--tests", "speed", "-r", "1", self.model, code=1).stdout
        self.assertIn("| tiny | decode 64 | exit 1: ZeroDivisionError: division by zero | 20.0 | – |", out)

    def test_an_older_peer(self):
        old = self.peer("old", OLD_BENCH, OLD_BATCHED, None)
        out = self.run_script("--peer", self.peer(), "--peer2", old, "--batches", "8", "-r", "1", self.model).stdout
        self.assertIn("| tiny | prefill 512 | 600 | 200 | 3.00× | 300 | 2.00× |", out)
        self.assertIn("| tiny | decode 64 at 4096, KV f16 | 15.0 | 5.0 | 3.00× | 15.0 | 1.00× |", out)
        self.assertIn("| tiny | prefill 512 at 4096, KV f16 | 300 | 50.0 | 6.00× | – | – |", out)
        self.assertIn("| tiny | decode 32, 8 sequences at 128, KV f16 | 120 | 60.0 | 2.00× | 128 | 0.94× |", out)

    def test_results_are_shown_and_written_again(self):
        self.run_script("--peer", self.peer(), "--tests", "speed,first", "-r", "1", "--json", "a.json", self.model)
        self.run_script("--peer", self.peer(), "--tests", "depth", "-r", "1", "--json", "b.json", self.model)
        for form in ("full", "brief"):
            self.file(form + ".md", f"above\n<!-- side_by_side: {form} -->\nold\n<!-- /side_by_side -->\nbelow\n")
        for _ in range(2):  # the same again
            self.run_script("--from", "a.json", "--from", "b.json", "--write", "full.md", "--write", "brief.md", "--plot", "p.svg")
        with open(os.path.join(self.folder, "full.md"), encoding="utf-8") as file:
            text = file.read()
        self.assertTrue(text.startswith("above\n<!-- side_by_side: full -->\n") and text.endswith("<!-- /side_by_side -->\nbelow\n"))
        self.assertNotIn("old", text)
        self.assertEqual(text.count("| tiny | decode 64 at 4096"), 1)
        self.assertEqual(text.count("](p.svg)"), 1)
        with open(os.path.join(self.folder, "brief.md"), encoding="utf-8") as file:
            self.assertIn("| tiny | 600 / 200 | 3.00× | 50 % | 30.0 / 20.0 | 1.50× | 75 % |", file.read())
        with open(os.path.join(self.folder, "p.svg"), encoding="utf-8") as file:
            drawn = xml.dom.minidom.parse(file)
        widths = [float(bar.getAttribute("width")) for bar in drawn.getElementsByTagName("rect") if bar.getAttribute("x") == "250"]
        self.assertAlmostEqual(widths[0] / widths[1], 3.0, places=2)
        self.file("none.md", "no place\n")
        self.assertIn("has no line", self.run_script("--from", "a.json", "--write", "none.md", code=1).stderr)

    def test_wrong_usage(self):
        for args in ((), ("--tests", "speed,sped", self.model), ("--depths", "x", self.model)):
            self.run_script(*args, code=2)


if __name__ == "__main__":
    unittest.main()
