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
  ArchTraits traits{};
};

// Each defined in its own file: arch_llama, arch_qwen2, …
#define LUPO_ARCH(name) extern const Arch arch_##name;
#include "archs.inc"
#undef LUPO_ARCH

// Error {model, unknown-architecture} lists what is supported.
Result<const Arch*> find_arch(std::string_view name);
std::span<const Arch* const> all_archs();

// Pieces that many architectures share.

// Norm attn_q_norm, attn_k_norm of each head, or of all heads as one; own_head: of each head, with a weight of its own [D, H];
// plain_head: of each head, without a weight.
enum class QkNorm : uint8_t { none, head, whole, own_head, plain_head };

struct AttentionStyle {
  bool neox = false;  // rope pairs (i, i + n_rot/2)
  bool rope = true;
  QkNorm qk_norm = QkNorm::none;
  bool norm_after_rope = false;
  int64_t window = 0;            // this layer's sliding window
  bool is_chunked = false;       // it does not slide: AttendAttrs::is_chunked
  bool has_temperature = false;  // hp.temperature
  Value factors = kNone;         // rope frequency factors [n_rot/2]
  bool gated = false;            // attn_q gives of each head the query, then a gate; its sigmoid times the head's result
  bool sinks = false;            // attn_sinks: a score of each head that takes part in the softmax and has no value
};

RopeAttrs rope_attrs(const RopeParams& rope, int64_t head_dim, bool neox);

// A norm of the present block over C, of the model's kind.
Value block_norm(Builder& b, const Hparams& hp, Value x, std::string_view name);

// The attention part of the present block, without norm and residual: attn_q, attn_k, attn_v (or the fused attn_qkv) and
// attn_output of `h` [C, T].
Value attention(Builder& b, const Hparams& hp, Value h, int64_t layer, const RopeParams& rope, const AttentionStyle& style);

// The feed-forward part of the present block.
using Ffn = std::function<Value(Builder& b, const Hparams& hp, Value h, int64_t layer)>;
Ffn gated(Activation act);  // down(act(gate h) · up h); gate and up may be one weight
Ffn plain(Activation act);  // down(act(up h))
// The experts of hp.moe in the present block, whose gate and up may be one weight.
Value mixture(Builder& b, const Hparams& hp, Value h, Value router, Value selection = kNone);
// A mixture of hp.moe where the layer has one, with the expert that all tokens pass added; `dense` in the other layers.
Ffn experts(Ffn dense);

// Embedding, n_layer blocks, final norm, head (tied to the embedding when there is no output.weight), scale, softcap; in place of
// the head what encoder.h makes of the rows where an embedding is wanted.
using Block = std::function<Value(Value x, int64_t layer)>;
Value embed_tokens(Builder& b, const Hparams& hp);                                            // [C, T]
Value head(Builder& b, const Hparams& hp, Value x, const char* output_norm = "output_norm");  // x [C, T]; [V, O]
Value decoder(Builder& b, const Hparams& hp, const Block& block, const char* output_norm = "output_norm");
// Where the norms of a block stand, by name; null: there is none.
struct BlockNorms {
  const char *before_attention = "attn_norm", *after_attention = nullptr;
  const char *before_ffn = "ffn_norm", *after_ffn = nullptr;
};
inline constexpr BlockNorms kNormsAround{"attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"};
inline constexpr BlockNorms kNormsAfter{nullptr, "post_attention_norm", nullptr, "post_ffw_norm"};
// One block: x += mixer, x += ffn, each part times hp.residual_scale. The mixer is what lets tokens see each other, by default
// attention.
using Mixer = std::function<Value(Value h)>;
Value sequential_block(Builder& b, const Hparams& hp, Value x, int64_t layer, const Mixer& mixer, const Ffn& ffn,
                       const BlockNorms& norms = {});
Value sequential_block(Builder& b, const Hparams& hp, Value x, int64_t layer, const RopeParams& rope, const AttentionStyle& style,
                       const Ffn& ffn, const BlockNorms& norms = {});
// The decoder most models are: x += attention(norm(x)); x += ffn(norm(x)), or both at once where hp.parallel.
Value plain_decoder(Builder& b, const Hparams& hp, AttentionStyle style, const Ffn& ffn);
// The rope frequency factors of the file, if any: rope_freqs, or the long or short set by the context that is asked for.
Value rope_factors(Builder& b, const Hparams& hp);

}  // namespace lupo
