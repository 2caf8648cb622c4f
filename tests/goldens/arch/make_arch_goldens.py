#!/usr/bin/env python3
"""Makes the tiny random-weight models of this folder and their reference logits.

usage: make_arch_goldens.py REFERENCE [NAME…]
REFERENCE is a program that is called as `REFERENCE MODEL.gguf ID…` and prints one line of logits for each position: here a few
lines of C around llama.cpp v0.5.0's llama_decode (F32 cache, flash attention off, one thread).
Made with python 3.11, gguf 0.19.0, numpy 2.4.6.
"""
import gguf
import numpy as np

from golden import HEAD_DIM, N_EMBD, N_FF, N_VOCAB, Weights, make, wanted

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
    "gemma3": ("gemma3", 6, {"gelu": True, "head_norms": True, "post_norms": True, "tied": True, "window": 12}),
    "gemma3-linear": ("gemma3", 6, {"gelu": True, "head_norms": True, "post_norms": True, "tied": True, "window": 12, "scaling": ("linear", 8.0)}),
}


# Square: the reference wants H·D = C. ln: layer norm; "bias" with biases. norms: vectors [C] of a block, in place of the usual two.
LN, LNB = {"ln": True, "square": True}, {"ln": "bias", "square": True}
POST = ["post_attention_norm", "post_ffw_norm"]
SANDWICH = ["attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"]
MODELS |= {
    "gemma": ("gemma", 2, {"tied": True, "gelu": True}),
    "gemma2": ("gemma2", 4, {"tied": True, "gelu": True, "norms": SANDWICH, "window": 12, "keys": {"attn_logit_softcapping": 5.0, "final_logit_softcapping": 7.0}}),
    "phi2": ("phi2", 2, LNB | {"biases": True, "head_bias": True, "norms": ["attn_norm"], "ffn": "plain", "gelu": True, "n_rot": 8}),
    "phi2-fused": ("phi2", 2, LNB | {"biases": True, "head_bias": True, "norms": ["attn_norm"], "ffn": "plain", "gelu": True, "fused_qkv": True}),
    "phi3": ("phi3", 2, {"square": True, "fused_qkv": True, "ffn": "fused"}),
    "phi3-longrope": ("phi3", 2, {"square": True, "fused_qkv": True, "ffn": "fused", "longrope": True}),
    "smollm3": ("smollm3", 4, {"tied": True}),
    "olmo2": ("olmo2", 2, {"square": True, "norms": POST, "qk_norm": "whole"}),
    "olmo2-windows": ("olmo2", 4, {"square": True, "norms": POST, "qk_norm": "whole", "window": 12, "scaling": ("yarn", 4.0)}),
    "glm4": ("glm4", 2, {"norms": SANDWICH, "ffn": "fused", "qkv_biases": True, "n_rot": 8}),
    "granite": ("granite", 2, {"tied": True, "keys": {"logit_scale": 4.0, "residual_scale": 0.3, "embedding_scale": 3.0, "attention.scale": 0.1}}),
    "minicpm": ("minicpm", 2, {"square": True}),
    "command_r": ("command-r", 2, LN | {"tied": True, "norms": ["attn_norm"], "keys": {"logit_scale": 0.5}}),
    "cohere2": ("cohere2", 4, LN | {"tied": True, "norms": ["attn_norm"], "window": 12, "keys": {"logit_scale": 0.5}}),
    "starcoder2": ("starcoder2", 2, LNB | {"biases": True, "ffn": "plain", "gelu": True}),
    "falcon": ("falcon", 2, LNB | {"norms": ["attn_norm"], "fused_qkv": True, "ffn": "plain", "gelu": True}),
    "falcon-two-norms": ("falcon", 2, LNB | {"norms": ["attn_norm", "attn_norm_2"], "fused_qkv": True, "ffn": "plain", "gelu": True}),
    "gptneox": ("gptneox", 2, LNB | {"biases": True, "fused_qkv": True, "ffn": "plain", "gelu": True, "n_rot": 4, "parallel": True, "mha": True}),
    "gptneox-sequential": ("gptneox", 2, LNB | {"biases": True, "fused_qkv": True, "ffn": "plain", "gelu": True, "parallel": False, "mha": True}),
    "gpt2": ("gpt2", 2, LNB | {"biases": True, "fused_qkv": True, "ffn": "plain", "gelu": True, "positions": 2048, "mha": True}),
    "stablelm": ("stablelm", 2, LNB | {"qkv_biases": True, "n_rot": 4}),
    "stablelm-parallel": ("stablelm", 2, LNB | {"norms": ["attn_norm"], "n_rot": 4}),
    "nemotron": ("nemotron", 2, LNB | {"ffn": "plain", "n_rot": 8}),
    "exaone": ("exaone", 2, {"square": True, "rope_freqs": True}),
    "exaone4": ("exaone4", 2, {"square": True, "norms": POST, "qk_norm": "head"}),
    "seed_oss": ("seed_oss", 2, {"norms": ["attn_norm", "post_attention_norm"], "qkv_biases": True}),
    "ernie4_5": ("ernie4_5", 2, {"tied": True}),
    "arcee": ("arcee", 2, {"ffn": "plain"}),
    "internlm2": ("internlm2", 2, {"square": True}),
    "xverse": ("xverse", 2, {"square": True, "mha": True}),
    "orion": ("orion", 2, LNB),
    "llama-experts": ("llama", 2, {"experts": (6, 2)}),
    "llama-experts-q4_1": ("llama", 2, {"experts": (6, 2), "type": "Q4_1"}),
    "llama-experts-q8_0": ("llama", 2, {"experts": (6, 2), "type": "Q8_0"}),
    "llama-q5_0": ("llama", 2, {"type": "Q5_0"}),
    "gpt_oss": ("gpt-oss", 4, {"norms": ["attn_norm", "post_attention_norm"], "biases": True, "experts": (6, 3), "expert_ff": 32, "window": 12, "sinks": True, "scaling": ("yarn", 4.0)}),
    "qwen2moe": ("qwen2moe", 2, {"square": True, "qkv_biases": True, "experts": (6, 2), "shared": 40, "shared_gate": True}),
    "qwen3moe": ("qwen3moe", 2, {"qk_norm": "head", "experts": (6, 3), "expert_ff": 32}),
    "olmoe": ("olmoe", 2, {"square": True, "mha": True, "qk_norm": "whole", "experts": (6, 2)}),
    "granitemoe": ("granitemoe", 2, {"tied": True, "experts": (6, 2), "shared": 40, "keys": {"logit_scale": 4.0, "residual_scale": 0.3, "embedding_scale": 3.0, "attention.scale": 0.1}}),
    "deepseek": ("deepseek", 2, {"square": True, "experts": (6, 2), "expert_ff": 32, "shared_count": 2, "dense_lead": 1, "keys": {"expert_weights_scale": 0.7}}),
    "hunyuan_dense": ("hunyuan-dense", 2, {"tied": True, "qk_norm": "head"}),
    "llama-nvfp4": ("llama", 2, {"type": "NVFP4", "biases": True}),
    "llama-experts-nvfp4": ("llama", 2, {"type": "NVFP4", "experts": (6, 2)}),
    "stablelm-head-norms": ("stablelm", 2, LNB | {"norms": ["attn_norm"], "n_rot": 4, "qk_norm": "own_head"}),
}


def write(path, arch, n_layer, o, seed, exact=False):
    n_ff = 64 if "type" in o else N_FF  # whole blocks
    n_head, n_kv = (2, 1) if arch == "qwen2" or o.get("square") else (4, 2)
    if o.get("mha"):
        n_kv = n_head
    n_q, n_k = n_head * HEAD_DIM, n_kv * HEAD_DIM
    w = Weights(path, arch, seed, o.get("type"), exact)
    w.add_context_length(o.get("positions", 64))
    w.add_embedding_length(N_EMBD)
    w.add_block_count(n_layer)
    w.add_feed_forward_length(n_ff)
    w.add_head_count(n_head)
    w.add_head_count_kv(n_kv)
    w.add_key_length(HEAD_DIM)
    w.add_value_length(HEAD_DIM)
    w.add_rope_dimension_count(o.get("n_rot", HEAD_DIM))
    w.add_rope_freq_base(1e6 if arch == "gemma3" else 10000.0)
    w.add_layer_norm_eps(1e-5) if o.get("ln") else w.add_layer_norm_rms_eps(1e-5)
    for key, value in o.get("keys", {}).items():
        w.add_float32(f"{arch}.{key}", value)
    if "parallel" in o:
        w.add_parallel_residual(o["parallel"])
    w.add_vocab_size(N_VOCAB)
    w.add_tokenizer_model("none")
    if "experts" in o:
        w.add_expert_count(o["experts"][0])
        w.add_expert_used_count(o["experts"][1])
        if "expert_ff" in o or arch == "qwen2moe":
            w.add_expert_feed_forward_length(o.get("expert_ff", n_ff))
        if "shared" in o:
            w.add_expert_shared_feed_forward_length(o["shared"])
        if "shared_count" in o:
            w.add_expert_shared_count(o["shared_count"])
        if "dense_lead" in o:
            w.add_leading_dense_block_count(o["dense_lead"])
    if "window" in o:
        w.add_sliding_window(o["window"])
    if "scaling" in o:
        kind, factor = o["scaling"]
        w.add_rope_scaling_type(gguf.RopeScalingType(kind))
        w.add_rope_scaling_factor(factor)
        w.add_rope_scaling_orig_ctx_len(16)

    rng, matrix, vector = w.rng, w.matrix, w.vector
    w.add_tensor("token_embd.weight", rng.standard_normal((N_VOCAB, N_EMBD)).astype(np.float32))

    def norm(name, n):
        vector(name + ".weight", n)
        if o.get("ln") == "bias":
            vector(name + ".bias", n, 0.0)

    norm("output_norm", N_EMBD)
    if not o.get("tied"):
        matrix("output.weight", N_EMBD, N_VOCAB)
    if o.get("head_bias"):
        vector("output.bias", N_VOCAB, 0.0)
    if o.get("positions"):
        matrix("position_embd.weight", N_EMBD, o["positions"])
    if o.get("longrope"):
        w.add_rope_scaling_orig_ctx_len(16)
        for kind, top in (("long", 6), ("short", 2)):
            w.add_tensor(f"rope_factors_{kind}.weight", np.linspace(1, top, HEAD_DIM // 2).astype(np.float32))
    if o.get("rope_freqs"):
        w.add_tensor("rope_freqs.weight", np.linspace(1, 8, HEAD_DIM // 2).astype(np.float32))
    for l in range(n_layer):
        b = f"blk.{l}."
        qkv = [("attn_qkv", N_EMBD, n_q + 2 * n_k)] if o.get("fused_qkv") else [
            ("attn_q", N_EMBD, n_q), ("attn_k", N_EMBD, n_k), ("attn_v", N_EMBD, n_k)]
        up = {"gated": [("ffn_gate", N_EMBD, n_ff), ("ffn_up", N_EMBD, n_ff)], "plain": [("ffn_up", N_EMBD, n_ff)],
              "fused": [("ffn_up", N_EMBD, 2 * n_ff)]}[o.get("ffn", "gated")]
        expert_ff = o.get("expert_ff", n_ff)
        if "experts" in o and l >= o.get("dense_lead", 0):
            n_expert, up, down = o["experts"][0], [], []
            matrix(b + "ffn_gate_inp.weight", N_EMBD, n_expert)
            for part, n_in, n_out in (("gate", N_EMBD, expert_ff), ("up", N_EMBD, expert_ff), ("down", expert_ff, N_EMBD)):
                matrix(f"{b}ffn_{part}_exps.weight", n_in, n_out, n_expert)
                if o.get("biases"):
                    w.add_tensor(f"{b}ffn_{part}_exps.bias", (2 * rng.standard_normal((n_expert, n_out))).astype(np.float32))
            if o.get("biases"):
                vector(b + "ffn_gate_inp.bias", n_expert, 0.0)
            shared = o.get("shared", o.get("shared_count", 0) * expert_ff)
            for part, n_in, n_out in (("gate", N_EMBD, shared), ("up", N_EMBD, shared), ("down", shared, N_EMBD)):
                if shared:
                    matrix(f"{b}ffn_{part}_shexp.weight", n_in, n_out)
            if o.get("shared_gate"):
                vector(b + "ffn_gate_inp_shexp.weight", N_EMBD, 0.0)
        else:
            down = [("ffn_down", n_ff, N_EMBD)]
        for part, n_in, n_out in qkv + [("attn_output", n_q, N_EMBD)] + up + down:
            matrix(b + part + ".weight", n_in, n_out)
            if o.get("biases") or (o.get("qkv_biases") and part.startswith("attn_") and part != "attn_output"):
                vector(b + part + ".bias", n_out, 0.0)
        if o.get("sinks"):
            vector(b + "attn_sinks.weight", n_head, 0.5)
        for name in o.get("norms", ["attn_norm", "ffn_norm"]):
            norm(b + name, N_EMBD)
        if o.get("qk_norm") == "own_head":
            for name, n in (("attn_q_norm", n_head), ("attn_k_norm", n_kv)):
                w.add_tensor(f"{b}{name}.weight", (1 + 0.2 * rng.standard_normal((n, HEAD_DIM))).astype(np.float32))
        elif o.get("head_norms") or "qk_norm" in o:
            whole = o.get("qk_norm") == "whole"
            vector(b + "attn_q_norm.weight", n_q if whole else HEAD_DIM)
            vector(b + "attn_k_norm.weight", n_k if whole else HEAD_DIM)
        if o.get("post_norms"):
            vector(b + "post_attention_norm.weight", N_EMBD)
            vector(b + "post_ffw_norm.weight", N_EMBD)
    w.finish()


for seed, name in wanted(MODELS):
    arch, n_layer, options = MODELS[name]
    make(name, arch, lambda path, exact: write(path, arch, n_layer, options, seed, exact), 100 + seed, options.get("type"),
         gelu=bool(options.get("gelu")), rounds="type" in options)
