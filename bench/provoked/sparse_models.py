"""Models that decide nothing and are as fast as real ones: true headers, random embeddings, norms and routers, so that a mixture
takes other experts for each token; all other weights are a hole of the file, read like any, which takes no disk."""
import os
import random
import struct

F32, Q4_0, Q8_0, Q2_K = 0, 2, 8, 10
BLOCK = {Q4_0: (18, 32), Q8_0: (34, 32), Q2_K: (84, 256)}  # bytes, values
N_EMBD, N_FF, N_VOCAB, N_HEAD, N_KV_HEAD, HEAD_DIM = 2048, 8192, 32000, 32, 8, 64
N_EXPERT, N_FF_EXPERT, N_USED = 32, 512, 4
LAYER_BYTES = 64.6e6  # of a dense one in Q8_0
DENSE_TO_MIXTURE = 0.55  # layers of as many parameters


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def keys_of(n_layer, is_mixture):
    """As GGUF writes them: name, type (4 = u32, 6 = f32, 8 = string), value."""
    numbers = {"block_count": n_layer, "embedding_length": N_EMBD, "attention.head_count": N_HEAD,
               "attention.head_count_kv": N_KV_HEAD, "feed_forward_length": N_FF_EXPERT if is_mixture else N_FF,
               "vocab_size": N_VOCAB, "context_length": 4096, "rope.dimension_count": HEAD_DIM}
    if is_mixture:
        numbers |= {"expert_count": N_EXPERT, "expert_used_count": N_USED}
    words = {"general.architecture": "llama", "general.basename": "Hollow", "general.finetune": "instruct"}
    keys = [text(key) + struct.pack("<I", 8) + text(word) for key, word in words.items()]
    keys += [text("llama." + key) + struct.pack("<II", 4, number) for key, number in numbers.items()]
    return keys + [text("llama.attention.layer_norm_rms_epsilon") + struct.pack("<If", 6, 1e-5)]


def tensors_of(kind, n_layer, is_mixture):
    """(name, type, dimensions)."""
    yield "token_embd.weight", Q8_0 if kind == Q2_K else kind, (N_EMBD, N_VOCAB)
    yield "output_norm.weight", F32, (N_EMBD,)
    n_kv = N_KV_HEAD * HEAD_DIM
    of, n_ff, more = ("_exps", N_FF_EXPERT, (N_EXPERT,)) if is_mixture else ("", N_FF, ())
    for i in range(n_layer):
        block = f"blk.{i}."
        yield block + "attn_norm.weight", F32, (N_EMBD,)
        yield block + "ffn_norm.weight", F32, (N_EMBD,)
        for name, n_out in (("q", N_EMBD), ("k", n_kv), ("v", n_kv), ("output", N_EMBD)):
            yield f"{block}attn_{name}.weight", kind, (N_EMBD, n_out)
        if is_mixture:
            yield block + "ffn_gate_inp.weight", F32, (N_EMBD, N_EXPERT)
        yield f"{block}ffn_gate{of}.weight", kind, (N_EMBD, n_ff, *more)
        yield f"{block}ffn_up{of}.weight", kind, (N_EMBD, n_ff, *more)
        yield f"{block}ffn_down{of}.weight", kind, (n_ff, N_EMBD, *more)


def elements(dims):
    n = 1
    for dim in dims:
        n *= dim
    return n


def data_of(name, kind, dims, rng):
    """Nothing: a hole."""
    n = elements(dims)
    if kind == F32:
        return struct.pack("<f", 1) * n if len(dims) == 1 else struct.pack(f"<{n}f", *(rng.gauss(0, 0.02) for _ in range(n)))
    if name != "token_embd.weight":
        return b""
    scale, (size, values) = struct.pack("<e", 0.1), BLOCK[kind]
    return b"".join(scale + rng.randbytes(size - 2) for _ in range(n // values))


def make(path, kind, n_layer, is_mixture=False):
    """Returns the path; a file that is there is used again."""
    if os.path.exists(path):
        return path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    rng = random.Random(n_layer)
    tensors, keys = list(tensors_of(kind, n_layer, is_mixture)), keys_of(n_layer, is_mixture)
    header, offsets, end = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(keys)) + b"".join(keys), [], 0
    for name, of, dims in tensors:
        header += text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, of, end)
        offsets.append(end)
        n = elements(dims)
        end += -(-(4 * n if of == F32 else n // BLOCK[of][1] * BLOCK[of][0]) // 32) * 32
    header += bytes(-len(header) % 32)
    with open(path, "wb") as file:
        file.write(header)
        for (name, of, dims), offset in zip(tensors, offsets):
            file.seek(len(header) + offset)
            file.write(data_of(name, of, dims, rng))
        file.truncate(len(header) + end)
    return path
