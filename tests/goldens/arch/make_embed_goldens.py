#!/usr/bin/env python3
"""Makes the tiny random-weight embedding models and rerankers of this folder and their reference embeddings.

usage: make_embed_goldens.py REFERENCE [NAME…]
REFERENCE is a program that is called as `REFERENCE MODEL.gguf POOLING ID…` and prints one line of values for each row: a row a
token for the pooling none, else one row. Here a few lines of C around llama.cpp v0.5.0's llama_decode with embeddings (F32 cache,
flash attention off, one thread).
Made with python 3.11, gguf 0.19.0, numpy 2.4.6.
"""
import json, subprocess, sys
import gguf
import numpy as np

from golden import HEAD_DIM, HERE, N_EMBD, N_FF, N_VOCAB, Weights, wanted

POOLING = ["none", "mean", "cls", "last", "rank"]
ALL = ["mean", "cls", "last"]
# A BERT: layer norms with biases after each part, token types.
BERT = {"ln": "bias", "post": True, "types": 2, "biases": True, "ffn": "plain", "gelu": True, "pooling": "cls"}
# name: (architecture, layers, options). head: layers of the classification head; heads: query and key heads.
MODELS = {
    "bert": ("bert", 2, BERT | {"vocabulary": True, "positions": True, "poolings": ALL + ["rank"], "head": ["cls", "cls.output"]}),
    "nomic_bert": ("nomic-bert", 2, BERT | {"biases": False, "ffn": "gated", "gelu": False, "fused_qkv": True, "pooling": "mean"}),
    "jina_bert_v2": ("jina-bert-v2", 2, BERT | {"ffn": "gated", "ffn_biases": ["ffn_down"], "embd": 48, "heads": (6, 6), "qk_norm": True, "poolings": ALL + ["rank"], "head": ["cls"]}),
    "jina_bert_v2-fused": ("jina-bert-v2", 2, BERT | {"ffn": "fused", "norm_2": True, "heads": (4, 4), "pooling": "mean"}),
    "jina_bert_v3": ("jina-bert-v3", 2, BERT | {"fused_qkv": True, "types": 1, "pooling": "mean"}),
    "modern_bert": ("modern-bert", 4, {"ln": True, "embed_norm": True, "no_first_norm": True, "fused_qkv": True, "ffn": "fused", "gelu": True, "window": 12, "bases": (160000.0, 500.0), "pooling": "mean", "poolings": ALL + ["rank"], "head": ["cls", "cls.norm", "cls.output"]}),
    "modern_bert-silu": ("modern-bert", 3, {"ln": True, "embed_norm": True, "no_first_norm": True, "fused_qkv": True, "ffn": "fused", "window": 9, "bases": (80000.0, None), "act": "silu", "pooling": "cls"}),
    "gemma_embedding": ("gemma-embedding", 3, {"norms": ["attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"], "head_norms": True, "heads": (4, 2), "wide": True, "gelu": True, "window": 13, "pattern": 2, "bases": (1e6, None), "dense": 64, "pooling": "mean", "key_causal": False}),
    "eurobert": ("eurobert", 2, {"heads": (2, 1), "pooling": "mean"}),
    "neo_bert": ("neo-bert", 2, {"fused_qkv": True, "ffn": "fused", "final_norm": "enc.output_norm", "pooling": "cls", "poolings": ALL + ["rank"], "head": ["cls", "cls.output"], "labels": 3}),
    "llama_embed": ("llama-embed", 2, {"heads": (4, 2), "wide": True, "pooling": "mean", "rope_freqs": True}),
    "qwen3-embed": ("qwen3", 2, {"heads": (4, 2), "wide": True, "head_norms": True, "causal": True, "pooling": "last", "output": True}),
    "qwen3-rerank": ("qwen3", 2, {"heads": (4, 2), "wide": True, "head_norms": True, "causal": True, "pooling": "rank", "poolings": ["rank"], "head": ["cls.output"], "label_names": ["yes", "no"]}),
    "qwen2-both-ways": ("qwen2", 2, {"heads": (2, 1), "pooling": "last", "output": True}),
    "nomic_bert_moe": ("nomic-bert-moe", 3, BERT | {"fused_qkv": True, "types": 1, "pooling": "mean", "experts": (5, 2), "every": 2}),
}


def write_vocabulary(w):
    """WordPiece: special tokens, a few words, letters and letters within words."""
    words = "the what is where who how of in to and paris london rome capital france england italy city river cheese moon".split()
    letters = "abcdefghijklmnopqrstuvwxyz"
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + ["\u2581" + t for t in words + list(letters) + list("?.,")] + list(letters)
    tokens += [f"[unused{i}]" for i in range(N_VOCAB - len(tokens))]
    w.add_tokenizer_model("bert")
    w.add_token_list(tokens)
    w.add_token_types([gguf.TokenType.CONTROL if t.startswith("[") else gguf.TokenType.NORMAL for t in tokens])
    for i, add in enumerate((w.add_pad_token_id, w.add_unk_token_id, w.add_bos_token_id, w.add_sep_token_id)):
        add(i)
    w.add_eos_token_id(3)
    w.add_add_bos_token(True)
    w.add_add_eos_token(True)
    w.add_add_sep_token(False)


def write_keys(w, arch, n_layer, o, n_embd, head_dim):
    w.add_context_length(64)
    w.add_embedding_length(n_embd)
    w.add_block_count(n_layer)
    w.add_feed_forward_length(N_FF)
    n_head, n_kv = o.get("heads", (2, 2))
    w.add_head_count(n_head)
    w.add_head_count_kv(n_kv)
    w.add_key_length(head_dim)
    w.add_value_length(head_dim)
    w.add_rope_dimension_count(head_dim)
    base, local = o.get("bases", (10000.0, None))
    w.add_rope_freq_base(base)
    if local:
        w.add_float32(f"{arch}.rope.freq_base_swa", local)
    w.add_layer_norm_eps(1e-5) if o.get("ln") else w.add_layer_norm_rms_eps(1e-5)
    if o.get("key_causal", True):
        w.add_causal_attention(o.get("causal", False))
    w.add_pooling_type(gguf.PoolingType(POOLING.index(o["pooling"])))
    if "types" in o:
        w.add_token_type_count(o["types"])
    if "window" in o:
        w.add_sliding_window(o["window"])
    if "pattern" in o:
        w.add_uint32(f"{arch}.attention.sliding_window_pattern", o["pattern"])
    if "experts" in o:
        w.add_expert_count(o["experts"][0])
        w.add_expert_used_count(o["experts"][1])
        w.add_moe_every_n_layers(o["every"])
    if "act" in o:
        w.add_string(f"{arch}.hidden_activation", o["act"])
    if "dense" in o:
        w.add_dense_features_dims("dense_2", n_embd, o["dense"])
        w.add_dense_features_dims("dense_3", o["dense"], n_embd)
    if "label_names" in o or "labels" in o:
        w.add_classifier_output_labels(o.get("label_names", [f"label {i}" for i in range(o.get("labels", 0))]))
    w.add_vocab_size(N_VOCAB)
    write_vocabulary(w) if o.get("vocabulary") else w.add_tokenizer_model("none")


def write_block(w, o, l, n_embd, n_q, n_k, head_dim):
    b, ln = f"blk.{l}.", o.get("ln") == "bias"

    def norm(name, n=n_embd):
        w.vector(b + name + ".weight", n)
        if ln:
            w.vector(b + name + ".bias", n, 0.0)

    def linear(name, n_in, n_out, bias):
        w.matrix(b + name + ".weight", n_in, n_out)
        if bias:
            w.vector(b + name + ".bias", n_out, 0.0)

    biases = o.get("biases", False)
    parts = [("attn_qkv", n_q + 2 * n_k)] if o.get("fused_qkv") else [("attn_q", n_q), ("attn_k", n_k), ("attn_v", n_k)]
    for name, n_out in parts:
        linear(name, n_embd, n_out, biases)
    linear("attn_output", n_q, n_embd, biases)
    up = {"gated": [("ffn_gate", N_FF), ("ffn_up", N_FF)], "plain": [("ffn_up", N_FF)], "fused": [("ffn_up", 2 * N_FF)]}
    if "experts" in o and l % o["every"] == 1:
        w.matrix(b + "ffn_gate_inp.weight", n_embd, o["experts"][0])
        w.matrix(b + "ffn_up_exps.weight", n_embd, N_FF, o["experts"][0])
        w.matrix(b + "ffn_down_exps.weight", N_FF, n_embd, o["experts"][0])
    else:
        for name, n_out in up[o.get("ffn", "gated")]:
            linear(name, n_embd, n_out, biases and "ffn_biases" not in o)
        linear("ffn_down", N_FF, n_embd, biases)
    default = ["attn_output_norm", "layer_output_norm"] if o.get("post") else ["attn_norm", "ffn_norm"]
    for name in o.get("norms", default) + (["attn_norm_2"] if o.get("norm_2") else []):
        if not (l == 0 and name == "attn_norm" and o.get("no_first_norm")):
            norm(name)
    for name, n in (("attn_q_norm", n_q), ("attn_k_norm", n_k)):
        if o.get("qk_norm"):
            norm(name, n)
        elif o.get("head_norms"):
            w.vector(f"{b}{name}.weight", head_dim)


def write_head(w, o, n_embd):
    n_labels = len(o["label_names"]) if "label_names" in o else o.get("labels", 1)
    for name in o.get("head", []):
        if name == "cls.norm":
            w.vector("cls.norm.weight", n_embd)
            continue
        n_out = n_labels if name == "cls.output" or "cls.output" not in o["head"] else n_embd
        w.matrix(name + ".weight", n_embd, n_out)
        if not (name == "cls" and "cls.norm" in o["head"]) and "label_names" not in o:
            w.vector(name + ".bias", n_out, 0.0)
    if "dense" in o:
        w.matrix("dense_2.weight", n_embd, o["dense"])
        w.matrix("dense_3.weight", o["dense"], n_embd)


def write(path, arch, n_layer, o, seed):
    n_embd = o.get("embd", N_EMBD)
    n_head, n_kv = o.get("heads", (2, 2))
    head_dim = HEAD_DIM if o.get("wide") else n_embd // n_head
    w = Weights(path, arch, seed)
    write_keys(w, arch, n_layer, o, n_embd, head_dim)
    w.add_tensor("token_embd.weight", w.rng.standard_normal((N_VOCAB, n_embd)).astype(np.float32))
    if "types" in o:
        w.add_tensor("token_types.weight", w.rng.standard_normal((o["types"], n_embd)).astype(np.float32))
    if o.get("positions"):
        w.add_tensor("position_embd.weight", w.rng.standard_normal((64, n_embd)).astype(np.float32))
    if o.get("post") or o.get("embed_norm"):
        w.vector("token_embd_norm.weight", n_embd)
        if o.get("ln") == "bias":
            w.vector("token_embd_norm.bias", n_embd, 0.0)
    if not o.get("post"):
        w.vector(o.get("final_norm", "output_norm") + ".weight", n_embd)
    if o.get("output"):
        w.matrix("output.weight", n_embd, N_VOCAB)
    if o.get("rope_freqs"):
        w.add_tensor("rope_freqs.weight", np.linspace(1, 8, head_dim // 2).astype(np.float32))
    for l in range(n_layer):
        write_block(w, o, l, n_embd, n_head * head_dim, n_kv * head_dim, head_dim)
    write_head(w, o, n_embd)
    w.finish()


for seed, name in wanted(MODELS):
    arch, n_layer, o = MODELS[name]
    path = HERE / f"{name}.gguf"
    write(path, arch, n_layer, o, 500 + seed)
    ids = [int(i) for i in np.random.default_rng(500 + seed).integers(0, N_VOCAB, 40)]

    def rows(pooling):
        out = subprocess.run([sys.argv[1], str(path), pooling, *map(str, ids)], check=True, capture_output=True, text=True).stdout
        return [[round(float(x), 5) for x in line.split()] for line in out.splitlines()]

    tokens = rows("none")
    golden = {"architecture": arch, "reference": "llama.cpp v0.5.0, F32 cache, no flash attention", "gelu": bool(o.get("gelu")),
              "default": o["pooling"], "ids": ids, "pooling": {p: rows(p)[0] for p in o.get("poolings", ALL)},
              "none": {str(p): tokens[p] for p in range(4, len(ids), 5)}}
    (HERE / f"{name}.json").write_text(json.dumps(golden) + "\n")
    print(name, path.stat().st_size, {p: row[:2] for p, row in golden["pooling"].items()}, tokens[9][:2])
