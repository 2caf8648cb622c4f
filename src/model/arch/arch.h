// An architecture is one file in model/arch/families/: it reads its own hyper-parameters and builds the graph. CMake generates
// the list.
#pragma once

#include <functional>
#include <span>

#include "graph/builder.h"
#include "model/arch/hparams.h"

namespace lupo {

struct Arch {
  std::string_view name;                                          // general.architecture
  Result<void> (*read)(const HparamReader& reader, Hparams& hp);  // beyond the common ones; null when there is nothing
  Value (*build)(Builder& builder, const Hparams& hp);            // gives the logits
};

// Each defined in its own file: arch_llama, arch_qwen2, …
#define LUPO_ARCH(name) extern const Arch arch_##name;
#include "archs.inc"
#undef LUPO_ARCH

// Error {model, unknown-architecture} lists what is supported.
Result<const Arch*> find_arch(std::string_view name);
std::span<const Arch* const> all_archs();

// Pieces that many architectures share.

struct AttentionStyle {
  bool neox = false;        // rope pairs (i, i + n_rot/2)
  bool head_norms = false;  // RMS norm of each q and k head: attn_q_norm, attn_k_norm
  int64_t window = 0;       // this layer's sliding window
  Value factors = kNone;    // rope frequency factors [n_rot/2]
};

// The attention part of the present block, without norm and residual: attn_q, attn_k, attn_v, attn_output of `h` [C, T].
Value attention(Builder& b, const Hparams& hp, Value h, int64_t layer, const RopeParams& rope, const AttentionStyle& style);
// ffn_gate, ffn_up, ffn_down of the present block.
Value gated_ffn(Builder& b, const Hparams& hp, Value h, int64_t layer, Activation act);
// Embedding, n_layer blocks, final norm, head (tied to the embedding when there is no output.weight), softcap.
Value decoder(Builder& b, const Hparams& hp, float embed_scale, const std::function<Value(Value x, int64_t layer)>& block);
// The rope frequency factors of the file, if any: rope_freqs, or the long or short set by the context that is asked for.
Value rope_factors(Builder& b, const Hparams& hp);

}  // namespace lupo
