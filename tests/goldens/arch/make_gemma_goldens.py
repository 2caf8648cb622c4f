#!/usr/bin/env python3
"""Makes the goldens of Gemma 3n and Gemma 4: as make_arch_goldens.py, for files whose layers differ from each other.

usage: make_gemma_goldens.py REFERENCE [NAME…]
Made with python 3.11, gguf 0.19.0, numpy 2.4.6 and llama.cpp v0.5.0.
"""
import numpy as np

from golden import N_EMBD, N_VOCAB, Weights, make, wanted

WINDOW, DIM, DIM_LOCAL, N_HEAD = 12, 24, 16, 4

# local: the layers with a window. kv: KV heads of layers with and without. p: width of per-layer embeddings. shared: layers
# without a cache. experts: of layers from the second on; n_rot_local: values of a local head that turn.
GEMMA4 = {
    "gemma4-e2b": {"local": [1, 1, 0, 1, 0], "kv": (1, 1), "p": 8, "shared": 2, "softcap": 5.0, "leftovers": True},
    "gemma4": {"local": [1, 1, 0], "kv": (2, 1), "v_is_k": True, "softcap": 5.0},
    "gemma4-26b-a4b": {"local": [1, 1, 0], "kv": (2, 1), "experts": (6, 3), "fused_qkv": True, "n_rot_local": 8},
}


def gemma_keys(w, arch, n_layer, n_kv, local, dim):
    w.add_context_length(64)
    w.add_embedding_length(N_EMBD)
    w.add_block_count(n_layer)
    w.add_head_count(N_HEAD)
    w.add_head_count_kv(n_kv)
    w.add_key_length(dim)
    w.add_value_length(dim)
    w.add_rope_dimension_count(dim)
    w.add_rope_freq_base(1e6)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(N_VOCAB)
    w.add_tokenizer_model("none")
    w.add_sliding_window(WINDOW)
    w.add_sliding_window_pattern([bool(x) for x in local])


def write_gemma4(path, o, seed):
    local, n_layer = o["local"], len(o["local"])
    n_kv = [o["kv"][0 if x else 1] for x in local]
    n_owned = n_layer - o.get("shared", 0)
    n_ff = [48 if l < n_owned else 64 for l in range(n_layer)]
    p, n_expert, expert_ff = o.get("p", 0), o.get("experts", (0, 0))[0], 20
    w = Weights(path, "gemma4", seed)
    gemma_keys(w, "gemma4", n_layer, n_kv, local, DIM)
    w.add_feed_forward_length(n_ff)
    w.add_key_length_swa(DIM_LOCAL)
    w.add_value_length_swa(DIM_LOCAL)
    w.add_rope_dimension_count_swa(o.get("n_rot_local", DIM_LOCAL))
    w.add_shared_kv_layers(o.get("shared", 0))
    w.add_embedding_length_per_layer_input(p)
    if "softcap" in o:
        w.add_final_logit_softcapping(o["softcap"])
    if n_expert:
        w.add_expert_count(n_expert)
        w.add_expert_used_count(o["experts"][1])
        w.add_expert_feed_forward_length(expert_ff)
    matrix, vector = w.matrix, w.vector
    w.add_tensor("token_embd.weight", w.rng.standard_normal((N_VOCAB, N_EMBD)).astype(np.float32))
    vector("output_norm.weight", N_EMBD)
    w.add_tensor("rope_freqs.weight", np.array([1.0] * 4 + [1e30] * (DIM // 2 - 4), dtype=np.float32))
    if p:
        matrix("per_layer_token_embd.weight", p * n_layer, N_VOCAB)
        matrix("per_layer_model_proj.weight", N_EMBD, p * n_layer)
        vector("per_layer_proj_norm.weight", p)
    for l in range(n_layer):
        b, dim = f"blk.{l}.", DIM_LOCAL if local[l] else DIM
        n_q, n_k = N_HEAD * dim, n_kv[l] * dim
        if o.get("fused_qkv") and local[l]:
            matrix(b + "attn_qkv.weight", N_EMBD, n_q + 2 * n_k)
        else:
            matrix(b + "attn_q.weight", N_EMBD, n_q)
            if l < n_owned or o.get("leftovers"):
                matrix(b + "attn_k.weight", N_EMBD, n_k)
                if local[l] or not o.get("v_is_k"):
                    matrix(b + "attn_v.weight", N_EMBD, n_k)
        vector(b + "attn_q_norm.weight", dim, 0.4)  # a softmax that is not too sharp: it would magnify how the reference rounds GELU
        if l < n_owned or o.get("leftovers"):
            vector(b + "attn_k_norm.weight", dim)
        matrix(b + "attn_output.weight", n_q, N_EMBD)
        for name in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            vector(f"{b}{name}.weight", N_EMBD)
        matrix(b + "ffn_gate.weight", N_EMBD, n_ff[l])
        matrix(b + "ffn_up.weight", N_EMBD, n_ff[l])
        matrix(b + "ffn_down.weight", n_ff[l], N_EMBD)
        vector(b + "layer_output_scale.weight", 1, 1.0, 0.3)
        if n_expert and l > 0:
            matrix(b + "ffn_gate_inp.weight", N_EMBD, n_expert)
            vector(b + "ffn_gate_inp.scale", N_EMBD, 6.0, 1.0)
            for name in ("pre_ffw_norm_2", "post_ffw_norm_1", "post_ffw_norm_2"):
                vector(f"{b}{name}.weight", N_EMBD)
            if l == 1:
                matrix(b + "ffn_gate_up_exps.weight", N_EMBD, 2 * expert_ff, n_expert)
            else:
                matrix(b + "ffn_gate_exps.weight", N_EMBD, expert_ff, n_expert)
                matrix(b + "ffn_up_exps.weight", N_EMBD, expert_ff, n_expert)
            matrix(b + "ffn_down_exps.weight", expert_ff, N_EMBD, n_expert)
            vector(b + "ffn_down_exps.scale", n_expert, 1.0, 0.5)
        if p:
            matrix(b + "inp_gate.weight", N_EMBD, p)
            matrix(b + "proj.weight", p, N_EMBD)
            vector(b + "post_norm.weight", N_EMBD, 0.5)
    w.finish()


for seed, name in wanted(GEMMA4):
    make(name, "gemma4", lambda path, exact: write_gemma4(path, GEMMA4[name], 500 + seed), 600 + seed, gelu=True)
