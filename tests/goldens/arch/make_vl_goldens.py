#!/usr/bin/env python3
"""Makes the goldens of the text parts of Qwen's vision models, whose rope has a position for each of several sections of a head:
for text they are all the same.

usage: make_vl_goldens.py REFERENCE [NAME…]
Made with python 3.11, gguf 0.19.0, numpy 2.4.6 and llama.cpp v0.5.0.
"""
import numpy as np

from golden import HEAD_DIM, N_EMBD, N_FF, N_VOCAB, Weights, make, wanted

MODELS = {"qwen2vl": {"biases": True}, "qwen3vl": {"head_norms": True}, "qwen3vlmoe": {"head_norms": True, "experts": (6, 3)}}


def write(path, arch, o, seed, n_layer=2):
    n_head, n_kv = (4, 2) if o.get("head_norms") else (2, 1)  # the reference wants H·D = C of qwen2vl
    n_q, n_k, expert_ff = n_head * HEAD_DIM, n_kv * HEAD_DIM, 32
    w = Weights(path, arch, seed)
    w.add_context_length(64)
    w.add_embedding_length(N_EMBD)
    w.add_block_count(n_layer)
    w.add_feed_forward_length(N_FF)
    w.add_head_count(n_head)
    w.add_head_count_kv(n_kv)
    w.add_key_length(HEAD_DIM)
    w.add_value_length(HEAD_DIM)
    w.add_rope_dimension_sections([2, 3, 3, 0])
    w.add_rope_freq_base(1e6)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(N_VOCAB)
    w.add_tokenizer_model("none")
    if "experts" in o:
        w.add_expert_count(o["experts"][0])
        w.add_expert_used_count(o["experts"][1])
        w.add_expert_feed_forward_length(expert_ff)
    w.add_tensor("token_embd.weight", w.rng.standard_normal((N_VOCAB, N_EMBD)).astype(np.float32))
    w.vector("output_norm.weight", N_EMBD)
    w.matrix("output.weight", N_EMBD, N_VOCAB)
    for l in range(n_layer):
        b = f"blk.{l}."
        for name, n_in, n_out in (("attn_q", N_EMBD, n_q), ("attn_k", N_EMBD, n_k), ("attn_v", N_EMBD, n_k)):
            w.matrix(f"{b}{name}.weight", n_in, n_out)
            if o.get("biases"):
                w.vector(f"{b}{name}.bias", n_out, 0.0)
        w.matrix(b + "attn_output.weight", n_q, N_EMBD)
        for name, n in [("attn_norm", N_EMBD), ("ffn_norm", N_EMBD)] + [("attn_q_norm", HEAD_DIM), ("attn_k_norm", HEAD_DIM)] * bool(o.get("head_norms")):
            w.vector(f"{b}{name}.weight", n)
        if "experts" in o:
            w.matrix(b + "ffn_gate_inp.weight", N_EMBD, o["experts"][0])
        suffix, n_ff, more = ("_exps", expert_ff, o["experts"][:1]) if "experts" in o else ("", N_FF, ())
        for name, n_in, n_out in (("gate", N_EMBD, n_ff), ("up", N_EMBD, n_ff), ("down", n_ff, N_EMBD)):
            w.matrix(f"{b}ffn_{name}{suffix}.weight", n_in, n_out, *more)
    w.finish()


for seed, name in wanted(MODELS):
    make(name, name, lambda path, exact: write(path, name, MODELS[name], 700 + seed), 800 + seed)
