#!/usr/bin/env python3
"""Writes src/model/text/unicode_later.inc: characters of Unicode 15 and 15.1 that Unicode 14 (PCRE2 10.42) does not know.

Needs unicodedata2 15.1.0 and a Python whose unicodedata is 14.0.0 (3.11):  make_unicode_later.py > src/model/text/unicode_later.inc
"""
import unicodedata
import unicodedata2

assert unicodedata.unidata_version == "14.0.0" and unicodedata2.unidata_version == "15.1.0"
# (category, bytes in UTF-8) -> a character of Unicode 14 that no pre-tokenizer's pattern names
STAND_IN = {
    ("Lo", 4): 0x10280, ("Lm", 4): 0x1E137, ("Ll", 4): 0x1DF00, ("Mn", 4): 0x101FD, ("Mc", 4): 0x11000, ("Nd", 4): 0x104A0,
    ("No", 4): 0x10107, ("So", 4): 0x1F300, ("Po", 4): 0x10100, ("Pd", 4): 0x10EAD, ("Cf", 4): 0xE0001, ("Sm", 4): 0x1D6C1,
    ("Mn", 3): 0x0901, ("Mc", 3): 0x0903, ("So", 3): 0x2FF0, ("Lo", 3): 0x0904,
}
HAN = 0x20000
rows = []
for code in range(0x110000):
    char = chr(code)
    if unicodedata.category(char) != "Cn" or unicodedata2.category(char) == "Cn":
        continue
    stand_in = STAND_IN[unicodedata2.category(char), len(char.encode())]
    if unicodedata2.name(char, "").startswith("CJK UNIFIED"):
        stand_in = HAN
    if rows and rows[-1][1] == code - 1 and rows[-1][2] == stand_in:
        rows[-1][1] = code
    else:
        rows.append([code, code, stand_in])
for first, last, stand_in in rows:
    print(f"{{0x{first:X}, 0x{last:X}, 0x{stand_in:X}}},")
