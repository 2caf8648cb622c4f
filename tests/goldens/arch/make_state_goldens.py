#!/usr/bin/env python3
"""Makes the tiny random-weight models with states of fixed size (short convolutions, state spaces, delta nets) of this folder and
their reference logits.

usage: make_state_goldens.py REFERENCE [NAME…]    as make_arch_goldens.py
"""
import gguf
import numpy as np

from golden import HEAD_DIM, N_EMBD, N_FF, N_VOCAB, Weights, make, wanted

# A letter a layer: c short convolution, m Mamba, M Mamba 2, d gated delta net, * attention, g gated attention, + attention and
# Mamba 2 at once, - none (feed-forward alone). ssm: width of the convolution, inner, state, heads (Mamba: rank of dt), groups.
MODELS = {
    "lfm2": ("lfm2", "c*cc*", {"conv": 3, "head_norms": True, "tied": True, "last_norm": "token_embd_norm"}),
    "lfm2-window": ("lfm2", "*cc*", {"conv": 4, "head_norms": True, "last_norm": "token_embd_norm", "window": 12}),
    "lfm2moe": ("lfm2moe", "cc*c", {"conv": 3, "head_norms": True, "tied": True, "last_norm": "token_embd_norm", "experts": (4, 2), "expert_ff": 16, "dense_lead": 1, "selection": True}),
    "qwen35": ("qwen35", "dgdd", {"ssm": (4, 80, 20, 4, 2), "head_norms": True, "ffn_norm": "post_attention_norm", "interval": 2, "nextn": True, "n_rot": 8, "flags": [1, 0, 1, 1]}),
    "qwen35-one-head": ("qwen35", "ddg", {"ssm": (3, 48, 16, 3, 3), "head_norms": True, "ffn_norm": "post_attention_norm", "interval": 3, "n_rot": 8, "tied": True}),
    "qwen35moe": ("qwen35moe", "dgd", {"ssm": (4, 64, 16, 4, 2), "head_norms": True, "ffn_norm": "post_attention_norm", "interval": 2, "n_rot": 8, "experts": (4, 2), "expert_ff": 16, "shared": 24, "shared_gate": True, "no_ff": True}),
    "qwen3next": ("qwen3next", "dgd", {"ssm": (4, 80, 20, 4, 2), "ba": True, "head_norms": True, "ffn_norm": "post_attention_norm", "interval": 2, "n_rot": 4, "experts": (4, 2), "expert_ff": 16, "shared": 24, "shared_gate": True}),
    "qwen3next-mixed": ("qwen3next", "dg", {"ssm": (4, 96, 16, 6, 2), "ba": True, "mixed": True, "head_norms": True, "ffn_norm": "post_attention_norm", "interval": 2, "n_rot": 4, "experts": (4, 2), "expert_ff": 16, "shared": 24, "shared_gate": True}),
    "mamba": ("mamba", "mm", {"ssm": (4, 64, 16, 2), "no_ffn": True, "tied": True}),
    "mamba-norms": ("mamba", "mm", {"ssm": (3, 64, 20, 3), "no_ffn": True, "dt_b_c": True}),
    "mamba2": ("mamba2", "MMM", {"ssm": (4, 64, 20, 8, 2), "no_ffn": True, "tied": True}),
    "mamba2-one-group": ("mamba2", "MM", {"ssm": (4, 72, 16, 6, 1), "no_ffn": True}),
    "granitehybrid": ("granitehybrid", "M*MM", {"ssm": (4, 64, 16, 8, 1), "tied": True, "rope": False, "keys": {"logit_scale": 4.0, "residual_scale": 0.3, "embedding_scale": 3.0, "attention.scale": 0.1}}),
    "granitehybrid-experts": ("granitehybrid", "M*", {"ssm": (4, 64, 16, 4, 2), "experts": (4, 2), "shared": 24, "keys": {"logit_scale": 4.0, "residual_scale": 0.3, "embedding_scale": 3.0, "attention.scale": 0.1}}),
    "falcon_h1": ("falcon-h1", "+++", {"ssm": (4, 48, 20, 3, 1), "ffn_norm_bare": True}),
    "falcon_h1-norm": ("falcon-h1", "++", {"ssm": (4, 64, 16, 4, 2), "ffn_norm_bare": True, "ssm_norm": True, "tied": True}),
    "jamba": ("jamba", "m*mm", {"ssm": (4, 64, 16, 2), "weighted": True, "experts": (4, 2), "expert_layers": [1, 3]}),
    "nemotron_h": ("nemotron_h", "M-*M-", {"ssm": (4, 80, 16, 10, 2), "rope": False, "biases": True}),
    "nemotron_h_moe": ("nemotron_h_moe", "M-*-", {"ssm": (4, 64, 16, 8, 2), "experts": (6, 3), "expert_ff": 24, "shared": 40, "selection": True, "weights": (True, 2.5)}),
    "nemotron_h_moe-narrow": ("nemotron_h_moe", "M-*", {"ssm": (4, 64, 16, 8, 1), "experts": (6, 2), "expert_ff": 24, "shared": 24, "selection": True, "weights": (False, 1.5), "latent": 20}),
}
DELTA = ("qwen35", "qwen35moe", "qwen3next")


def write_keys(w, arch, layers, o, heads):
    n_head, n_kv = heads
    n_block = len(layers) + bool(o.get("nextn"))
    w.add_context_length(64)
    w.add_embedding_length(N_EMBD)
    w.add_block_count(n_block)
    ffn = [0 if o.get("no_ffn") else N_FF] * n_block
    if arch.startswith("nemotron_h"):
        ffn = [N_FF if kind == "-" else 0 for kind in layers]
    if not o.get("no_ff"):
        w.add_feed_forward_length(ffn if len(set(ffn)) > 1 else ffn[0])
    if set(layers) & set("*g+"):
        w.add_head_count(n_head)
        varies = set(layers) & set("cmM-") and arch not in DELTA
        w.add_head_count_kv([n_kv if kind in "*+" else 0 for kind in layers] if varies else n_kv)
        w.add_key_length(HEAD_DIM)
        w.add_value_length(HEAD_DIM)
        w.add_rope_dimension_count(o.get("n_rot", HEAD_DIM))
        w.add_rope_freq_base(10000.0)
    else:
        w.add_head_count(0)
    w.add_layer_norm_rms_eps(1e-5)
    if arch.startswith("nemotron_h"):
        w.add_layer_norm_eps(1e-5)
    for key, value in o.get("keys", {}).items():
        w.add_float32(f"{arch}.{key}", value)
    w.add_vocab_size(N_VOCAB)
    w.add_tokenizer_model("none")
    if "conv" in o:
        w.add_shortconv_l_cache(o["conv"])
    if "ssm" in o:
        width, inner, state, ssm_heads, *groups = o["ssm"]
        w.add_ssm_conv_kernel(width)
        w.add_ssm_inner_size(inner)
        w.add_ssm_state_size(state)
        w.add_ssm_time_step_rank(ssm_heads)
        for group in groups:
            w.add_ssm_group_count(group)
    if arch == "mamba":
        w.add_ssm_dt_b_c_rms(bool(o.get("dt_b_c")))
    if "interval" in o:
        w.add_full_attention_interval(o["interval"])
    if "flags" in o:
        w.add_array(f"{arch}.attention.recurrent_layers", [bool(flag) for flag in o["flags"]] + [False] * bool(o.get("nextn")))
    if arch.startswith("qwen35"):
        w.add_rope_dimension_sections([2, 1, 1, 0])
    if o.get("nextn"):
        w.add_nextn_predict_layers(1)
    if arch == "granitehybrid":
        w.add_rope_scaling_finetuned(o.get("rope", True))
    if "window" in o:
        w.add_sliding_window(o["window"])
    if "experts" in o:
        w.add_expert_count(o["experts"][0])
        w.add_expert_used_count(o["experts"][1])
        if "expert_ff" in o:
            w.add_expert_feed_forward_length(o["expert_ff"])
        if "shared" in o:
            w.add_expert_shared_feed_forward_length(o["shared"])
        if "dense_lead" in o:
            w.add_leading_dense_block_count(o["dense_lead"])
        if o.get("selection"):
            w.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
        if "weights" in o:
            w.add_expert_weights_norm(o["weights"][0])
            w.add_expert_weights_scale(o["weights"][1])
        if "latent" in o:
            w.add_uint32(f"{arch}.moe_latent_size", o["latent"])


def write_ssm(w, b, kind, o):
    width, inner, n_state, n_head, *groups = o["ssm"]
    n_group = groups[0] if groups else 1

    def plain(name, values):
        w.add_tensor(b + name, values.astype(np.float32))

    def decays(*shape):
        """-exp of what spreads widely: some heads forget slowly, so that the state of many tokens ago counts."""
        return -np.exp(w.rng.uniform(-4, 0.5, shape))

    n_key = n_group * n_state
    channels = {"m": inner, "M": inner + 2 * n_key, "d": 2 * n_key + inner}[kind]
    w.add_tensor(b + "ssm_conv1d.weight", (w.rng.standard_normal((channels, width)) / np.sqrt(width)).astype(np.float32))
    if kind == "d":
        if o.get("mixed"):
            w.matrix(b + "ssm_in.weight", N_EMBD, 2 * n_key + 2 * inner)
        else:
            w.matrix(b + "attn_qkv.weight", N_EMBD, channels)
            w.matrix(b + "attn_gate.weight", N_EMBD, inner)
        for name, n in [("ssm_ba", 2 * n_head)] if o.get("ba") else [("ssm_beta", n_head), ("ssm_alpha", n_head)]:
            w.matrix(f"{b}{name}.weight", N_EMBD, n)
        plain("ssm_a", decays(n_head))
        w.vector(b + "ssm_dt.bias", n_head, 0.0, 1.0)
        w.vector(b + "ssm_norm.weight", inner // n_head)
    elif kind == "m":
        w.vector(b + "ssm_conv1d.bias", channels, 0.0)
        w.matrix(b + "ssm_in.weight", N_EMBD, 2 * inner)
        w.matrix(b + "ssm_x.weight", inner, n_head + 2 * n_state)
        w.matrix(b + "ssm_dt.weight", n_head, inner)
        w.vector(b + "ssm_dt.bias", inner, 0.0, 1.0)
        plain("ssm_a", decays(inner, n_state))
        plain("ssm_d", 1 + w.rng.standard_normal(inner))
        for name, n in (("dt", n_head), ("b", n_state), ("c", n_state)):
            if o.get("weighted"):
                w.vector(f"{b}ssm_{name}_norm.weight", n)
    else:
        w.vector(b + "ssm_conv1d.bias", channels, 0.0)
        w.matrix(b + "ssm_in.weight", N_EMBD, 2 * inner + 2 * n_key + n_head)
        w.vector(b + "ssm_dt.bias", n_head, 0.0, 1.0)
        plain("ssm_a", decays(n_head, 1))
        plain("ssm_d", 1 + w.rng.standard_normal((n_head, 1)))
        if not o.get("ffn_norm_bare") or o.get("ssm_norm"):
            plain("ssm_norm.weight", 1 + 0.2 * w.rng.standard_normal((n_group, inner // n_group)))
    w.matrix(b + "ssm_out.weight", inner, N_EMBD)


def write_attention(w, b, o, heads, gated):
    n_q, n_k = heads[0] * HEAD_DIM, heads[1] * HEAD_DIM
    for part, n_in, n_out in (("attn_q", N_EMBD, 2 * n_q if gated else n_q), ("attn_k", N_EMBD, n_k), ("attn_v", N_EMBD, n_k), ("attn_output", n_q, N_EMBD)):
        w.matrix(f"{b}{part}.weight", n_in, n_out)
    if o.get("head_norms"):
        w.vector(b + "attn_q_norm.weight", HEAD_DIM)
        w.vector(b + "attn_k_norm.weight", HEAD_DIM)


def write_ffn(w, b, arch, layer, o):
    if "experts" in o and layer >= o.get("dense_lead", 0) and layer in o.get("expert_layers", [layer]):
        n_expert, n_ff = o["experts"][0], o.get("expert_ff", N_FF)
        w.matrix(b + "ffn_gate_inp.weight", N_EMBD, n_expert)
        width, shared, parts = o.get("latent", N_EMBD), o.get("shared", 0), ("gate", "up", "down")[arch.startswith("nemotron_h"):]
        for part in parts:
            w.matrix(f"{b}ffn_{part}_exps.weight", *((n_ff, width) if part == "down" else (width, n_ff)), n_expert)
        if "latent" in o:
            w.matrix(b + "ffn_latent_down.weight", N_EMBD, width)
            w.matrix(b + "ffn_latent_up.weight", width, N_EMBD)
        for part in parts:
            n_in, n_out = (shared, N_EMBD) if part == "down" else (N_EMBD, shared)
            if shared:
                w.matrix(f"{b}ffn_{part}_shexp.weight", n_in, n_out)
        if o.get("shared_gate"):
            w.vector(b + "ffn_gate_inp_shexp.weight", N_EMBD, 0.0)
        if o.get("selection"):
            w.vector(b + "exp_probs_b.bias", n_expert, 0.0, 0.5)
        return
    gate = [] if arch.startswith("nemotron_h") else [("ffn_gate", N_EMBD, N_FF)]
    for part, n_in, n_out in gate + [("ffn_up", N_EMBD, N_FF), ("ffn_down", N_FF, N_EMBD)]:
        w.matrix(f"{b}{part}.weight", n_in, n_out)
        if o.get("biases"):
            w.vector(f"{b}{part}.bias", n_out, 0.0)


def write(path, arch, layers, o, seed, exact=False):
    w = Weights(path, arch, 1000 + seed, o.get("type"), exact)
    heads = (4, 2) if arch in DELTA else (2, 1)
    write_keys(w, arch, layers, o, heads)
    w.add_tensor("token_embd.weight", w.rng.standard_normal((N_VOCAB, N_EMBD)).astype(np.float32))
    w.vector(o.get("last_norm", "output_norm") + ".weight", N_EMBD)
    if not o.get("tied"):
        w.matrix("output.weight", N_EMBD, N_VOCAB)
    for layer, kind in enumerate(layers + "n" * bool(o.get("nextn"))):
        b = f"blk.{layer}."
        w.vector(b + "attn_norm.weight", N_EMBD)
        if kind == "c":
            w.add_tensor(b + "shortconv.conv.weight", w.rng.standard_normal((N_EMBD, o["conv"])).astype(np.float32))
            w.matrix(b + "shortconv.in_proj.weight", N_EMBD, 3 * N_EMBD)
            w.matrix(b + "shortconv.out_proj.weight", N_EMBD, N_EMBD)
        if kind in "mMd+":
            write_ssm(w, b, kind.replace("+", "M"), o)
        if kind in "*g+n":
            write_attention(w, b, o, heads, kind in "gn")
        if kind == "n":
            w.matrix(b + "nextn.eh_proj.weight", 2 * N_EMBD, N_EMBD)
            w.vector(b + "nextn.enorm.weight", N_EMBD)
            w.vector(b + "nextn.hnorm.weight", N_EMBD)
        if o.get("no_ffn") or (arch.startswith("nemotron_h") and kind != "-"):
            continue
        if not arch.startswith("nemotron_h"):
            w.vector(b + ("ffn_norm" if o.get("ffn_norm_bare") else o.get("ffn_norm", "ffn_norm") + ".weight"), N_EMBD)
        write_ffn(w, b, arch, layer, o)
    w.finish()


for seed, name in wanted(MODELS):
    arch, layers, options = MODELS[name]
    make(name, arch, lambda path, exact: write(path, arch, layers, options, seed, exact), 300 + seed, options.get("type"),
         rounds="type" in options)
