#!/usr/bin/env python3
"""Makes the tiny random-weight models of this folder and their reference logits.

usage: make_arch_goldens.py REFERENCE
REFERENCE is a program that is called as `REFERENCE MODEL.gguf ID…` and prints one line of logits for each position: here a few
lines of C around llama.cpp v0.5.0's llama_decode (F32 cache, flash attention off, one thread).
Made with python 3.11, gguf 0.19.0, numpy 2.4.6. The weights are F32: for any other type the reference rounds activations too.
"""
import json, pathlib, subprocess, sys
import numpy as np
import gguf

HERE = pathlib.Path(__file__).parent
N_VOCAB, N_EMBD, N_FF, HEAD_DIM = 96, 32, 48, 16

# name: (architecture, layers, options)
MODELS = {
    "llama": ("llama", 2, {}),
    "llama-tied-biases": ("llama", 2, {"tied": True, "biases": True}),
    "llama-rope-freqs": ("llama", 2, {"rope_freqs": True}),
    "llama-linear": ("llama", 2, {"scaling": ("linear", 4.0)}),
    "llama-yarn": ("llama", 2, {"scaling": ("yarn", 4.0)}),
    "qwen2": ("qwen2", 2, {"qkv_biases": True}),
    "qwen2-yarn": ("qwen2", 2, {"qkv_biases": True, "scaling": ("yarn", 4.0), "tied": True}),
    "qwen3": ("qwen3", 2, {"head_norms": True}),
    "qwen3-linear": ("qwen3", 2, {"head_norms": True, "scaling": ("linear", 2.0)}),
    "gemma3": ("gemma3", 6, {"head_norms": True, "post_norms": True, "tied": True, "window": 12}),
    "gemma3-linear": ("gemma3", 6, {"head_norms": True, "post_norms": True, "tied": True, "window": 12, "scaling": ("linear", 8.0)}),
}


def write(path, arch, n_layer, o, seed):
    rng = np.random.default_rng(seed)
    n_head, n_kv = (2, 1) if arch == "qwen2" else (4, 2)  # the reference wants H·D = C of qwen2
    w = gguf.GGUFWriter(path, arch)
    w.add_context_length(64)
    w.add_embedding_length(N_EMBD)
    w.add_block_count(n_layer)
    w.add_feed_forward_length(N_FF)
    w.add_head_count(n_head)
    w.add_head_count_kv(n_kv)
    w.add_key_length(HEAD_DIM)
    w.add_value_length(HEAD_DIM)
    w.add_rope_dimension_count(HEAD_DIM)
    w.add_rope_freq_base(1e6 if arch == "gemma3" else 10000.0)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(N_VOCAB)
    w.add_tokenizer_model("none")
    if "window" in o:
        w.add_sliding_window(o["window"])
    if "scaling" in o:
        kind, factor = o["scaling"]
        w.add_rope_scaling_type(gguf.RopeScalingType(kind))
        w.add_rope_scaling_factor(factor)
        w.add_rope_scaling_orig_ctx_len(16)

    def matrix(name, n_in, n_out):
        w.add_tensor(name, (rng.standard_normal((n_out, n_in)) / np.sqrt(n_in)).astype(np.float32))

    def vector(name, n, mean=1.0):
        w.add_tensor(name, (mean + 0.2 * rng.standard_normal(n)).astype(np.float32))

    w.add_tensor("token_embd.weight", rng.standard_normal((N_VOCAB, N_EMBD)).astype(np.float32))
    vector("output_norm.weight", N_EMBD)
    if not o.get("tied"):
        matrix("output.weight", N_EMBD, N_VOCAB)
    if o.get("rope_freqs"):
        w.add_tensor("rope_freqs.weight", np.linspace(1, 8, HEAD_DIM // 2).astype(np.float32))
    for l in range(n_layer):
        b = f"blk.{l}."
        for part, n_in, n_out in (("attn_q", N_EMBD, n_head * HEAD_DIM), ("attn_k", N_EMBD, n_kv * HEAD_DIM), ("attn_v", N_EMBD, n_kv * HEAD_DIM),
                                  ("attn_output", n_head * HEAD_DIM, N_EMBD), ("ffn_gate", N_EMBD, N_FF), ("ffn_up", N_EMBD, N_FF), ("ffn_down", N_FF, N_EMBD)):
            matrix(b + part + ".weight", n_in, n_out)
            if o.get("biases") or (o.get("qkv_biases") and part in ("attn_q", "attn_k", "attn_v")):
                vector(b + part + ".bias", n_out, 0.0)
        vector(b + "attn_norm.weight", N_EMBD)
        vector(b + "ffn_norm.weight", N_EMBD)
        if o.get("head_norms"):
            vector(b + "attn_q_norm.weight", HEAD_DIM)
            vector(b + "attn_k_norm.weight", HEAD_DIM)
        if o.get("post_norms"):
            vector(b + "post_attention_norm.weight", N_EMBD)
            vector(b + "post_ffw_norm.weight", N_EMBD)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


for seed, (name, (arch, n_layer, options)) in enumerate(MODELS.items()):
    path = HERE / f"{name}.gguf"
    write(path, arch, n_layer, options, seed)
    ids = [int(i) for i in np.random.default_rng(100 + seed).integers(0, N_VOCAB, 40)]
    out = subprocess.run([sys.argv[1], str(path), *map(str, ids)], check=True, capture_output=True, text=True).stdout
    rows = [[float(x) for x in line.split()] for line in out.splitlines()]
    # Every fifth position whole: enough to see any error, small enough to keep.
    golden = {"architecture": arch, "reference": "llama.cpp v0.5.0, F32 cache, no flash attention", "ids": ids,
              "logits": {str(p): [round(x, 5) for x in rows[p]] for p in range(4, len(ids), 5)}}
    (HERE / f"{name}.json").write_text(json.dumps(golden) + "\n")
    print(name, path.stat().st_size, rows[-1][:3])
