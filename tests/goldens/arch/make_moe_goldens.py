#!/usr/bin/env python3
"""Makes the tiny models of architectures with latent attention or routers of their own, and their reference logits.

usage: make_moe_goldens.py REFERENCE [NAME…]
REFERENCE as for make_arch_goldens.py. llama4 alone needs one built with a chunk and a temperature of 8 and 12 tokens: llama.cpp
v0.5.0 has 8192 for both in the source of that architecture, which 40 ids do not reach.
"""
import gguf
import numpy as np

from golden import N_EMBD, N_VOCAB, Weights, make, wanted

# Sizes of latent attention. Rank + rotated part is 40: no multiple of a vector's lanes.
Q_RANK, KV_RANK, N_ROT, N_NOPE, N_VALUE = 24, 32, 8, 16, 12
HEAD_DIM = 16
LATENT = {"latent": True, "heads": (4, 1)}
SHARED = {"experts": (8, 3), "expert_ff": 8, "shared_count": 2, "dense_lead": 1, "bias_b": True}

# name: (architecture, layers, options)
MODELS = {
    "deepseek2": ("deepseek2", 3, LATENT | SHARED | {"groups": (4, 2), "gating": 2, "norm_w": True, "w_scale": 1.7,
                                                     "yarn": 0.1 * 0.707}),
    "deepseek2-lite": ("deepseek2", 2, LATENT | SHARED | {"q_rank": 0, "gating": 1, "yarn": 0.1, "bias_b": False}),
    "deepseek2-joint": ("deepseek2", 2, LATENT | SHARED | {"absorbed": False, "gating": 2, "temperature": (0.2, 6)}),
    "deepseek2-q8_0": ("deepseek2", 2, LATENT | SHARED | {"type": "Q8_0", "gating": 2, "norm_w": True, "expert_ff": 32, "fused_experts": True}),
    "mistral4": ("mistral4", 2, LATENT | SHARED | {"gating": 1, "norm_w": True, "yarn": 0.1 * 0.5, "temperature": (0.3, 5), "bias_b": False}),
    "minicpm3": ("minicpm3", 2, LATENT | {"absorbed": False, "longrope": True}),
    "glm4moe": ("glm4moe", 2, SHARED | {"post_norm": True, "qkv_biases": True, "n_rot": 8, "norm_w": True, "w_scale": 2.5, "gating": 2, "nextn": 1}),
    "glm4moe-norms": ("glm4moe", 2, SHARED | {"post_norm": True, "qk_norm": "head", "n_rot": 8}),
    "minimax_m2": ("minimax-m2", 2, {"n_ff": 12, "experts": (8, 3), "bias_b": True, "gating": 2, "qk_norm": "whole", "n_rot": 8, "square": True}),
    "ernie4_5_moe": ("ernie4_5-moe", 3, {"experts": (8, 3), "expert_ff": 12, "shared": 20, "dense_lead": 1, "step": 1, "bias_b": True}),
    "phimoe": ("phimoe", 2, {"n_ff": 12, "experts": (6, 2), "biases": True, "norm_biases": True, "longrope": True, "square": True}),
    "llama4": ("llama4", 4, {"experts": (4, 1), "expert_ff": 12, "shared": 12, "step": 2, "keys_i": {"attention.sliding_window": 8,
                             "attention.temperature_length": 12}}),
    "bailingmoe2": ("bailingmoe2", 3, {"experts": (8, 3), "expert_ff": 12, "shared": 20, "shared_count": 1, "dense_lead": 1, "groups": (4, 2),
                                       "bias_b": True, "gating": 2, "norm_w": True, "w_scale": 2.5, "qk_norm": "head", "fused_qkv": True, "n_rot": 8,
                                       "square": True}),
    "mimo2": ("mimo2", 4, {"experts": (8, 3), "expert_ff": 12, "dense_layers": 1, "bias_b": True, "window": 12, "pattern": [0, 1, 1, 0],
                           "sinks": True, "head_dims": (16, 12), "n_rot": 8, "base_swa": 500.0, "kv_heads": [1, 2, 2, 1],
                           "keys": {"attention.value_scale": 0.7}}),
    "hunyuan_moe": ("hunyuan-moe", 2, {"n_ff": 12, "experts": (8, 3), "shared": 20, "qk_norm": "head"}),
    "dots1": ("dots1", 2, SHARED | {"gating": 2, "norm_w": True, "w_scale": 2.5, "qk_norm": "head", "heads": (2, 2)}),
    "bailingmoe": ("bailingmoe", 2, {"experts": (8, 3), "expert_ff": 8, "shared_count": 2, "norm_w": True, "square": True}),
    "exaone_moe": ("exaone-moe", 4, SHARED | {"shared_count": 1, "gating": 2, "norm_w": True, "w_scale": 2.5, "qk_norm": "head", "window": 12,
                                              "pattern": [1, 0, 1, 1], "n_ff": 12}),
    "mistral3": ("mistral3", 2, {"temperature": (0.3, None), "yarn": 0.6}),
    "apertus": ("apertus", 2, {"qk_norm": "head", "ffn": "plain", "square": True,
                               "xielu": {"alpha_n": [0.3, -0.6], "alpha_p": [0.9, 0.2], "beta": [0.5, 0.4], "eps": [-0.01, -1e-6]}}),
    "olmo": ("olmo", 2, {"ln": True, "norms": [], "square": True, "keys": {"attention.clamp_kqv": 0.5}}),
}


def write(path, arch, n_layer, o, seed, exact=False):
    n_ff = 64 if "type" in o else o.get("n_ff", 24)
    n_head, n_kv = o.get("heads", (2, 1) if o.get("square") else (4, 2))
    latent, absorbed = o.get("latent"), o.get("absorbed", True)
    kv_rank, n_rot, n_nope, n_value = (32, 32, 32, 32) if "type" in o else (KV_RANK, N_ROT, N_NOPE, N_VALUE)
    dim_k, dim_v = o.get("head_dims", (HEAD_DIM, HEAD_DIM))
    if latent:
        dim_k, dim_v = (kv_rank + n_rot, kv_rank) if absorbed else (n_nope + n_rot, n_value)
    else:
        n_rot = o.get("n_rot", dim_k)
    n_nextn = o.get("nextn", 0)
    w = Weights(path, arch, seed, o.get("type"), exact)
    w.add_context_length(64)
    w.add_embedding_length(N_EMBD)
    w.add_block_count(n_layer + n_nextn)
    w.add_feed_forward_length(n_ff)
    w.add_head_count(n_head)
    w.add_head_count_kv(o.get("kv_heads", n_kv if absorbed else n_head))
    w.add_key_length(dim_k)
    w.add_value_length(dim_v)
    w.add_rope_dimension_count(n_rot)
    w.add_rope_freq_base(10000.0)
    w.add_layer_norm_eps(1e-5) if o.get("ln") else w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(N_VOCAB)
    w.add_tokenizer_model("none")
    if n_nextn:
        w.add_nextn_predict_layers(n_nextn)
    q_rank = o.get("q_rank", 32 if "type" in o else Q_RANK)
    if latent:
        w.add_q_lora_rank(q_rank)
        w.add_kv_lora_rank(kv_rank)
        if absorbed:
            w.add_key_length_mla(n_nope + n_rot)
            w.add_value_length_mla(n_value)
    n_expert, n_used = o.get("experts", (0, 0))
    if n_expert:
        w.add_expert_count(n_expert)
        w.add_expert_used_count(n_used)
        w.add_expert_feed_forward_length(o.get("expert_ff", n_ff))
    if "shared" in o:
        w.add_expert_shared_feed_forward_length(o["shared"])
    if "shared_count" in o:
        w.add_expert_shared_count(o["shared_count"])
    if "dense_lead" in o:
        w.add_leading_dense_block_count(o["dense_lead"])
    if "step" in o:
        w.add_interleave_moe_layer_step(o["step"])
    if "groups" in o:
        w.add_expert_group_count(o["groups"][0])
        w.add_expert_group_used_count(o["groups"][1])
    if "gating" in o:
        w.add_expert_gating_func(gguf.ExpertGatingFuncType(o["gating"]))
    if "norm_w" in o:
        w.add_expert_weights_norm(o["norm_w"])
    if "w_scale" in o:
        w.add_expert_weights_scale(o["w_scale"])
    if "yarn" in o:
        w.add_rope_scaling_type(gguf.RopeScalingType("yarn"))
        w.add_rope_scaling_factor(4.0)
        w.add_rope_scaling_orig_ctx_len(16)
        w.add_float32(f"{arch}.rope.scaling.yarn_log_multiplier", o["yarn"])
    if "temperature" in o:
        w.add_float32(f"{arch}.attention.temperature_scale", o["temperature"][0])
        if o["temperature"][1]:
            w.add_uint32(f"{arch}.attention.temperature_length", o["temperature"][1])
    if "window" in o:
        w.add_sliding_window(o["window"])
        w.add_array(f"{arch}.attention.sliding_window_pattern", [bool(x) for x in o["pattern"]])
    if "base_swa" in o:
        w.add_float32(f"{arch}.rope.freq_base_swa", o["base_swa"])
    for key, value in o.get("keys", {}).items():
        w.add_float32(f"{arch}.{key}", value)
    for key, value in o.get("keys_i", {}).items():
        w.add_uint32(f"{arch}.{key}", value)
    for key, values in o.get("xielu", {}).items():
        w.add_array(f"xielu.{key}", values)
    if o.get("longrope"):
        w.add_rope_scaling_orig_ctx_len(16)

    rng, matrix, vector = w.rng, w.matrix, w.vector
    w.add_tensor("token_embd.weight", rng.standard_normal((N_VOCAB, N_EMBD)).astype(np.float32))
    matrix("output.weight", N_EMBD, N_VOCAB)
    norm_names = o.get("norms", ["attn_norm", "post_attention_norm" if o.get("post_norm") else "ffn_norm"])

    def norm(name, n):
        vector(name + ".weight", n)
        if o.get("norm_biases"):
            vector(name + ".bias", n, 0.0)

    if norm_names:
        norm("output_norm", N_EMBD)
    if o.get("biases"):
        vector("output.bias", N_VOCAB, 0.0)
    if o.get("longrope"):
        for kind, top in (("long", 6), ("short", 2)):
            w.add_tensor(f"rope_factors_{kind}.weight", np.linspace(1, top, n_rot // 2).astype(np.float32))

    def attention(b, l):
        kv = o["kv_heads"][l] if "kv_heads" in o else n_kv
        if latent:
            if q_rank:
                matrix(b + "attn_q_a.weight", N_EMBD, q_rank)
                vector(b + "attn_q_a_norm.weight", q_rank)
                matrix(b + "attn_q_b.weight", q_rank, n_head * (n_nope + n_rot))
            else:
                matrix(b + "attn_q.weight", N_EMBD, n_head * (n_nope + n_rot))
            matrix(b + "attn_kv_a_mqa.weight", N_EMBD, kv_rank + n_rot)
            vector(b + "attn_kv_a_norm.weight", kv_rank)
            if absorbed:
                matrix(b + "attn_k_b.weight", n_nope, kv_rank, n_head)
                matrix(b + "attn_v_b.weight", kv_rank, n_value, n_head)
            else:
                matrix(b + "attn_kv_b.weight", kv_rank, n_head * (n_nope + n_value))
            matrix(b + "attn_output.weight", n_head * n_value, N_EMBD)
            return
        sizes = [n_head * dim_k, kv * dim_k, kv * dim_v]
        if o.get("fused_qkv"):
            matrix(b + "attn_qkv.weight", N_EMBD, sum(sizes))
        else:
            for part, n in zip("qkv", sizes):
                matrix(b + f"attn_{part}.weight", N_EMBD, n)
                if o.get("biases") or o.get("qkv_biases"):
                    vector(b + f"attn_{part}.bias", n, 0.0)
        matrix(b + "attn_output.weight", n_head * dim_v, N_EMBD)
        if o.get("biases"):
            vector(b + "attn_output.bias", N_EMBD, 0.0)
        if "qk_norm" in o:
            whole = o["qk_norm"] == "whole"
            vector(b + "attn_q_norm.weight", sizes[0] if whole else dim_k)
            vector(b + "attn_k_norm.weight", sizes[1] if whole else dim_k)
        if o.get("sinks") and o["pattern"][l]:
            vector(b + "attn_sinks.weight", n_head, 0.5)

    def feed_forward(b, l):
        dense = o.get("dense_layers", o.get("dense_lead", 0))
        if not n_expert or l < dense or (l + 1) % o.get("step", 1):
            for part, n_in, n_out in (("gate", N_EMBD, n_ff), ("up", N_EMBD, n_ff), ("down", n_ff, N_EMBD)):
                if part != "gate" or o.get("ffn") != "plain":
                    matrix(b + f"ffn_{part}.weight", n_in, n_out)
            return
        ff = o.get("expert_ff", n_ff)
        w.add_tensor(b + "ffn_gate_inp.weight", (rng.standard_normal((n_expert, N_EMBD)) / np.sqrt(N_EMBD)).astype(np.float32))
        if o.get("bias_b"):
            vector(b + "exp_probs_b.bias", n_expert, 0.0, 0.3)
        if o.get("fused_experts"):
            matrix(b + "ffn_gate_up_exps.weight", N_EMBD, 2 * ff, n_expert)
        else:
            matrix(b + "ffn_gate_exps.weight", N_EMBD, ff, n_expert)
            matrix(b + "ffn_up_exps.weight", N_EMBD, ff, n_expert)
        matrix(b + "ffn_down_exps.weight", ff, N_EMBD, n_expert)
        shared = o.get("shared", o.get("shared_count", 0) * ff)
        for part, n_in, n_out in (("gate", N_EMBD, shared), ("up", N_EMBD, shared), ("down", shared, N_EMBD)):
            if shared:
                matrix(b + f"ffn_{part}_shexp.weight", n_in, n_out)

    for l in range(n_layer + n_nextn):
        b = f"blk.{l}."
        for name in norm_names:
            norm(b + name, N_EMBD)
        attention(b, l)
        feed_forward(b, l)
        if l >= n_layer:
            matrix(b + "nextn.eh_proj.weight", 2 * N_EMBD, N_EMBD)
            vector(b + "nextn.enorm.weight", N_EMBD)
            vector(b + "nextn.hnorm.weight", N_EMBD)
    w.finish()


for seed, name in wanted(MODELS):
    arch, n_layer, options = MODELS[name]
    make(name, arch, lambda path, exact: write(path, arch, n_layer, options, 500 + seed, exact), 600 + seed, options.get("type"),
         rounds="type" in options)
