"""What the scripts beside this share: random weights in a GGUF file, and a reference's logits of it as a golden."""
import json, pathlib, subprocess, sys
import numpy as np
import gguf

HERE = pathlib.Path(__file__).parent
N_VOCAB, N_EMBD, N_FF, HEAD_DIM = 96, 32, 48, 16


class Weights(gguf.GGUFWriter):
    """A file of architecture `arch`. kind: the type of its matrices, F32 by default; exact: the values of that type, as F32."""

    def __init__(self, path, arch, seed, kind=None, exact=False):
        super().__init__(path, arch)
        self.rng = np.random.default_rng(seed)
        self.kind, self.exact = kind, exact

    def add_matrix(self, name, values):
        values = values.astype(np.float32)
        if self.kind == "NVFP4" and values.shape[-1] % 64 == 0:
            return self.add_nvfp4(name, values)
        if self.kind and self.kind != "NVFP4":
            kind = gguf.GGMLQuantizationType[self.kind]
            coded = gguf.quants.quantize(values, kind)
            if not self.exact:
                return self.add_tensor(name, coded, raw_dtype=kind)
            values = gguf.quants.dequantize(coded, kind)
        self.add_tensor(name, values)

    def add_nvfp4(self, name, values):
        """Rows of blocks of 64 with their second scale, of the whole tensor (of each expert), in a tensor NAME.scale."""
        e2m1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)
        codes = np.arange(1, 0x7f)
        e4m3 = np.where(codes >> 3, (8 + (codes & 7)) * 2.0 ** ((codes >> 3) - 10), (codes & 7) * 2.0 ** -9).astype(np.float32)
        n_expert = values.shape[0] if values.ndim == 3 else 1
        scale = self.rng.uniform(0.5, 2, n_expert).astype(np.float32)
        groups = values.reshape(n_expert, -1, 16) / scale[:, None, None]  # 16 values to a scale
        d = np.abs(e4m3 - np.abs(groups).max(-1, keepdims=True) / 6).argmin(-1)  # indices of e4m3
        q = np.abs(groups[..., None] / e4m3[d][..., None, None] - e2m1).argmin(-1)
        if self.exact:
            exact = e2m1[q] * e4m3[d][..., None] * scale[:, None, None]
            return self.add_tensor(name, exact.reshape(values.shape).astype(np.float32))
        nibbles = (q[..., :8] | q[..., 8:] << 4).astype(np.uint8).reshape(-1, 4 * 8)
        blocks = np.concatenate([codes[d].astype(np.uint8).reshape(-1, 4), nibbles], axis=1)  # 36 bytes for 64 values
        self.add_tensor(name, blocks.reshape(*values.shape[:-1], -1), raw_dtype=gguf.GGMLQuantizationType.NVFP4)
        self.add_tensor(name.removesuffix(".weight") + ".scale", scale)

    def matrix(self, name, n_in, n_out, *more):
        """[n_in, n_out] in GGUF's order; `more`: its further dimensions, the outermost last (experts)."""
        self.add_matrix(name, self.rng.standard_normal((*reversed(more), n_out, n_in)) / np.sqrt(n_in))

    def vector(self, name, n, mean=1.0, deviation=0.2):
        self.add_tensor(name, (mean + deviation * self.rng.standard_normal(n)).astype(np.float32))

    def finish(self):
        self.write_header_to_file()
        self.write_kv_data_to_file()
        self.write_tensors_to_file()
        self.close()


def make(name, arch, write, ids_seed, kind=None, **facts):
    """write(path, exact) makes NAME.gguf; the reference (sys.argv[1]) then gives the logits of 40 ids. It always runs on F32
    weights: for any other type it rounds activations."""
    path = HERE / f"{name}.gguf"
    write(path, False)
    ids = [int(i) for i in np.random.default_rng(ids_seed).integers(0, N_VOCAB, 40)]
    reference = path
    if kind:
        reference = HERE / f"{name}.f32.tmp"
        write(reference, True)
    out = subprocess.run([sys.argv[1], str(reference), *map(str, ids)], check=True, capture_output=True, text=True).stdout
    if reference != path:
        reference.unlink()
    rows = [[float(x) for x in line.split()] for line in out.splitlines()]
    # Every fifth position whole: enough to see any error, small enough to keep.
    golden = {"architecture": arch, "reference": "llama.cpp v0.5.0, F32 cache, no flash attention", **facts, "ids": ids,
              "logits": {str(p): [round(x, 5) for x in rows[p]] for p in range(4, len(ids), 5)}}
    (HERE / f"{name}.json").write_text(json.dumps(golden) + "\n")
    print(name, path.stat().st_size, rows[-1][:3])


def wanted(names):
    """(number, name) of those named after the reference on the command line, of all when none is."""
    return [(i, name) for i, name in enumerate(names) if not sys.argv[2:] or name in sys.argv[2:]]
