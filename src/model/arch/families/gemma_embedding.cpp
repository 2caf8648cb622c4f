// gemma-embedding: EmbeddingGemma. The blocks of gemma3 with every token seeing both ways, five of six layers within half a
// window to each side; at the end up to two dense layers (Schechter Vera et al. 2025, arXiv 2509.20354).
#include <cmath>

#include "model/arch/encoder.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  constexpr int64_t kWidthMax = 1 << 20;
  hp.causal = false;
  hp.embed_scale = std::sqrt(static_cast<float>(hp.n_embd));
  TRY(read_windows(reader, hp, 512, 6));
  TRY_ASSIGN(hp.freq_base_window, reader.number_or("rope.freq_base_swa", 10000, 1, 1e12));
  TRY_ASSIGN(hp.n_dense, reader.integer_or("dense_2_feat_out", hp.n_embd, 1, kWidthMax));
  return {};
}

Value build(Builder& b, const Hparams& hp) {
  RopeParams local = hp.rope;
  local.freq_base = hp.freq_base_window;
  local.freq_scale = 1;
  Value x = encoder(
      b, hp,
      [&](Value h, int64_t layer) {
        const int64_t window = hp.window_of(layer);
        return sequential_block(b, hp, h, layer, window > 0 ? local : hp.rope,
                                {.neox = true, .qk_norm = QkNorm::head, .window = window}, gated(Activation::gelu), kNormsAround);
      },
      "output_norm");
  if (b.has("dense_2.weight")) x = b.linear(x, "dense_2", hp.n_dense);
  return b.has("dense_3.weight") ? b.linear(x, "dense_3", hp.n_embd) : x;
}

}  // namespace

const Arch arch_gemma_embedding{"gemma-embedding", read, build};

}  // namespace lupo
