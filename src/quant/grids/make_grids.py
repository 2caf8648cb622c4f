#!/usr/bin/env python3
"""Writes the codebooks of the IQ types beside this file: one 16-bit word for each point, coordinate k in bits b·k and up
(b = 2 for the points of eight coordinates, 4 for those of four), as an index into the type's list of magnitudes.

The numbers are part of the format; they are read from the Python package gguf 0.19.0.
"""
from pathlib import Path

import numpy as np
from gguf import quants

TYPES = ["IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ1_S"]

for name in TYPES:
    cls = getattr(quants, name)
    cls.init_grid()
    points = cls.grid.reshape(cls.grid_shape)
    bits = 16 // points.shape[1]
    index = np.searchsorted(np.array(cls.grid_map, np.float32), points).astype(np.uint32)
    words = (index << (bits * np.arange(points.shape[1], dtype=np.uint32))).sum(axis=1)
    lines = [", ".join(f"0x{word:04x}" for word in words[i : i + 16]) + "," for i in range(0, len(words), 16)]
    Path(__file__).with_name(name.lower() + ".inc").write_text("\n".join(lines) + "\n")
