#!/usr/bin/env python3
"""Writes the goldens of the tensor types beside this file: inputs.f32 and one <name>.golden for each type.

    make_quant_goldens.py LIBGGML_BASE     (the shared library libggml-base of llama.cpp v0.5.0; ggml 0.25.1)

Origin of the numbers: the Python package gguf 0.19.0 with numpy 2.4.6 wherever it has the type, checked here against ggml's C
reference; ggml's alone for Q8_K, Q1_0 and Q2_0 (which gguf 0.19.0 lacks) and for the encoder of Q8_1. Q8_1, which ggml only
encodes, and the plain integers and doubles are decoded by numpy (Q8_1: d · q).

<name>.golden, little-endian: uint32 block_elements, block_bytes, n_values, encoded_bytes; the blocks of n_values values; these values
as float32; the blocks that the values of inputs.f32 encode to (none where there is no encoder to compare with).
"""
import ctypes
import sys
from pathlib import Path

import gguf
import numpy as np
from gguf import quants

HERE = Path(__file__).parent
rng = np.random.default_rng(20261122)
ggml = ctypes.CDLL(sys.argv[1])
ggml.ggml_type_size.restype = ctypes.c_size_t
ggml.ggml_blck_size.restype = ctypes.c_int64

IDS = {**{t.name: t.value for t in gguf.GGMLQuantizationType}, "Q1_0": 41, "Q2_0": 42}
PLAIN = {"F32": "<f4", "F64": "<f8", "I8": "<i1", "I16": "<i2", "I32": "<i4", "I64": "<i8"}
# Byte offsets of the halves of a block: a random bit pattern would often be infinite or NaN there.
HALVES = {
    "F16": [0], "BF16": [], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q8_1": [0, 2], "Q2_K": [80, 82],
    "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "Q8_K": [], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0],
    "IQ3_XXS": [0], "IQ3_S": [0], "IQ1_S": [0], "IQ1_M": [], "IQ4_NL": [0], "IQ4_XS": [0], "TQ1_0": [52], "TQ2_0": [64],
    "MXFP4": [], "NVFP4": [], "Q1_0": [0], "Q2_0": [0],
}
ENCODED = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q8_1", "Q8_K", "Q1_0", "Q2_0", "TQ1_0", "TQ2_0", "MXFP4"]
EDGE_SCALES = [0x0000, 0x8000, 0x0001, 0x83FF, 0x7BFF, 0xBC00]  # 0, −0, smallest and largest subnormal, largest half, −1


def c_name(name):
    return name.lower().removesuffix("_k") + "_K" if name.endswith("_K") else name.lower()


def ggml_decode(name, blocks, n):
    y = np.zeros(n, np.float32)
    getattr(ggml, f"dequantize_row_{c_name(name)}")(
        blocks.ctypes.data_as(ctypes.c_void_p), y.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(n))
    return y


def ggml_encode(name, x, n_bytes):
    blocks = np.zeros(n_bytes, np.uint8)
    getattr(ggml, f"quantize_row_{c_name(name)}_ref")(
        x.ctypes.data_as(ctypes.c_void_p), blocks.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(x.size))
    return blocks


def set_scale(name, block, half):
    """Puts the half where the type keeps its scale (the second, a minimum or a sum, gets its negative)."""
    for i, at in enumerate(HALVES[name]):
        block[at : at + 2] = np.frombuffer(np.uint16(half ^ (0x8000 * i)).tobytes(), np.uint8)
    if name == "IQ1_M":
        for k in range(4):
            block[49 + 2 * k] = (int(block[49 + 2 * k]) & 0x0F) | ((half >> (4 * k)) & 15) << 4
    if name == "Q8_K":
        block[:4] = np.frombuffer(np.frombuffer(np.uint16(half).tobytes(), np.float16).astype(np.float32).tobytes(), np.uint8)
    if name == "MXFP4":
        block[0] = half % 250


def make_blocks(name, elements, size):
    if name in PLAIN or elements == 1:
        values = {"F16": lambda: rng.normal(0, 1, 64).astype("<f2"), "F32": lambda: rng.normal(0, 1, 64).astype("<f4"),
                  "BF16": lambda: rng.normal(0, 1, 64).astype("<f4").view("<u2")[1::2].copy(), "F64": lambda: rng.normal(0, 1, 64)}
        edge = {"F16": lambda: np.array(EDGE_SCALES + [0x7C00, 0xFC00], "<u2"), "BF16": lambda: np.array([0, 0x8000, 1, 0x7F80], "<u2")}
        body = values.get(name, lambda: rng.integers(np.iinfo(PLAIN[name]).min, np.iinfo(PLAIN[name]).max, 64, PLAIN[name], True))()
        return np.concatenate([body.view(np.uint8), edge[name]().view(np.uint8) if name in edge else np.empty(0, np.uint8)])
    n_random, edge_scales = (3, EDGE_SCALES[1:3] + EDGE_SCALES[4:]) if elements == 256 else (10, EDGE_SCALES)
    blocks = rng.integers(0, 256, (n_random + 2 + len(edge_scales), size), np.uint8)
    for block in blocks[:n_random]:
        set_scale(name, block, int(rng.integers(0x1800, 0x4000)) | int(rng.integers(0, 2)) << 15)
    blocks[n_random], blocks[n_random + 1] = 0, 0xFF
    set_scale(name, blocks[n_random], 0x3C00)
    set_scale(name, blocks[n_random + 1], 0x3C00)
    for block, half in zip(blocks[n_random + 2 :], edge_scales):
        set_scale(name, block, half)
    return blocks.reshape(-1)


def decode(name, blocks, n):
    if name in PLAIN:
        return blocks.view(PLAIN[name]).astype(np.float32)
    if name == "Q8_1":
        rows = blocks.reshape(-1, 36)
        return (rows[:, :2].copy().view("<f2").astype(np.float32) * rows[:, 4:].view(np.int8).astype(np.float32)).reshape(-1)
    if name in ("Q8_K", "Q1_0", "Q2_0"):
        return ggml_decode(name, blocks, n)
    values = quants.dequantize(blocks, gguf.GGMLQuantizationType[name]).reshape(-1)
    if name not in ("F16", "BF16"):
        assert (values.view(np.uint32) == ggml_decode(name, blocks, n).view(np.uint32)).all(), f"{name}: gguf and ggml decode apart"
    return values


def encode(name, x, n_bytes):
    if name in ("Q8_1", "Q8_K", "Q1_0", "Q2_0"):
        return ggml_encode(name, x, n_bytes)
    blocks = np.ascontiguousarray(quants.quantize(x, gguf.GGMLQuantizationType[name])).view(np.uint8).reshape(-1)
    if name not in ("F32", "F16", "BF16"):
        assert (blocks == ggml_encode(name, x, n_bytes)).all(), f"{name}: gguf and ggml encode apart"
    return blocks


def make_inputs():
    ties = rng.integers(-16, 17, 256) / 2.0  # codes exactly between two integers once scaled by a power of two
    outlier = rng.normal(0, 0.02, 256)
    outlier[77] = -9.0
    both_ends = rng.uniform(-1, 1, 256)
    both_ends[[31, 40]] = [1.0, -1.0]
    rows = [rng.normal(0, 1, 256), rng.uniform(-3, 5, 256), np.zeros(256), np.full(256, 0.37), np.full(256, -2.5), ties, outlier,
            both_ends, rng.normal(0, 1e-6, 256), rng.normal(0, 2e4, 256), np.abs(rng.normal(1, 0.3, 256)), np.arange(256) / 255.0]
    return np.concatenate(rows).astype("<f4")


inputs = make_inputs()
(HERE / "inputs.f32").write_bytes(inputs.tobytes())
np.seterr(over="ignore")
for name, type_id in IDS.items():
    elements, size = ggml.ggml_blck_size(type_id), ggml.ggml_type_size(type_id)
    blocks = make_blocks(name, elements, size)
    n = blocks.size // size * elements
    values = decode(name, blocks, n)
    assert values.dtype == np.float32 and values.size == n
    encoded = encode(name, inputs, inputs.size // elements * size) if name in ENCODED else np.empty(0, np.uint8)
    head = np.array([elements, size, n, encoded.size], "<u4")
    (HERE / f"{name.lower()}.golden").write_bytes(head.tobytes() + blocks.tobytes() + values.tobytes() + encoded.tobytes())
