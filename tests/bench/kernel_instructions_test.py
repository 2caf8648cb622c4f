"""The table of bench/kernel_instructions.py: what it holds comes back, and a difference is seen in both directions."""
import os
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench"))
import kernel_instructions as guard

COUNTS = {("Q4_K", 1): 200.0, ("Q4_K", 128): 150.5, ("peak-int8", 1): 97.0}


class Table(unittest.TestCase):
    def test_text_and_back(self):
        self.assertEqual(guard.from_text(guard.to_text("g++ 12, avx2", COUNTS)), ("g++ 12, avx2", COUNTS))

    def test_within_the_band(self):
        self.assertEqual(guard.differences(COUNTS, {**COUNTS, ("Q4_K", 1): 209.9, ("Q4_K", 128): 143.1}), [])

    def test_slower_better_gone_and_new(self):
        counted = {("Q4_K", 1): 212.0, ("Q4_K", 128): 140.0, ("Q9", 4): 1.0}
        found = guard.differences(COUNTS, counted)
        self.assertEqual(len(found), 4)
        self.assertIn("Q4_K with 1 token: 212.0 instructions, 200.0 in the table, +6 %: slower", found)
        self.assertTrue(any("better than the table" in line for line in found))
        self.assertTrue(any("no such kernel" in line for line in found))
        self.assertTrue(any("not in the table" in line for line in found))

    def test_the_committed_table_has_every_kind(self):
        with open(os.path.join(ROOT, "bench", "kernel_instructions.avx2.txt"), encoding="utf-8") as file:
            head, counts = guard.from_text(file.read())
        self.assertIn("avx2", head)
        for name in ("F16", "Q8_0", "Q4_K", "IQ4_XS", "MXFP4"):
            for tokens in guard.TOKENS:
                self.assertGreater(counts[name, tokens], 0)


if __name__ == "__main__":
    unittest.main()
