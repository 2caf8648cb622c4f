// gemma3: Gemma 3 text models, 270M-27B. Five sliding-window layers to one full, each kind with its own rope; norms before and
// after each part; GELU; embedding scaled by sqrt(C). Norm weights are stored with the 1 already added.
// Source: Gemma 3 technical report, arXiv 2503.19786.
#include <cmath>

#include "model/arch/arch.h"

namespace lupo {
namespace {

constexpr int64_t kLayersOf27B = 62;  // that size alone scales queries by C/H instead of D, and no key says so

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY(read_windows(reader, hp, 0, 6));
  TRY_ASSIGN(hp.logit_softcap, reader.number_or("final_logit_softcapping", 0, 0, 1e4));
  TRY_ASSIGN(hp.freq_base_window, reader.number_or("rope.freq_base_swa", 10000, 1, 1e12));
  hp.embed_scale = std::sqrt(static_cast<float>(hp.n_embd));
  if (hp.n_layer == kLayersOf27B)
    hp.attention_scale = 1 / std::sqrt(static_cast<float>(hp.n_embd) / static_cast<float>(hp.n_head.front()));
  return {};
}

Value build(Builder& b, const Hparams& hp) {
  RopeParams local = hp.rope;  // sliding layers are never stretched
  local.freq_base = hp.freq_base_window;
  local.freq_scale = 1;
  local.ext_factor = 0;
  return decoder(b, hp, [&](Value x, int64_t layer) {
    const int64_t window = hp.window_of(layer);
    return sequential_block(b, hp, x, layer, window > 0 ? local : hp.rope,
                            {.neox = true, .qk_norm = QkNorm::head, .window = window}, gated(Activation::gelu), kNormsAround);
  });
}

}  // namespace

const Arch arch_gemma3{"gemma3", read, build};

}  // namespace lupo
