// modern-bert: ModernBERT and Granite Embedding R2. Layer norm before each part but the first attention, GeGLU (or SwiGLU) in one
// weight, rotary positions; two of three layers see a window alone and turn by a base of their own (Warner et al. 2024, arXiv
// 2412.13663).
#include <fmt/format.h>

#include "base/printable.h"
#include "model/arch/encoder.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  hp.causal = false;
  hp.rank_pooling = Pooling::mean;
  hp.rank_act = Activation::gelu;
  TRY(read_windows(reader, hp, 0, 3, true));
  TRY_ASSIGN(hp.freq_base_window, reader.number_or("rope.freq_base_swa", 10000, 1, 1e12));
  if (!reader.has("hidden_activation")) return {};
  TRY_ASSIGN(const std::string_view act, reader.metadata().string(reader.key("hidden_activation")));
  if (act != "silu" && act != "gelu")
    return fail(Layer::model, "bad-value",
                fmt::format("{} is '{}', supported are gelu and silu", reader.key("hidden_activation"), printable(act, 40)),
                "lupo inspect MODEL --keys");
  hp.ffn_act = act == "silu" ? Activation::silu : Activation::gelu;
  return {};
}

Value build(Builder& b, const Hparams& hp) {
  RopeParams local = hp.rope;
  local.freq_base = hp.freq_base_window;
  return encoder(
      b, hp,
      [&](Value x, int64_t layer) {
        const int64_t window = hp.window_of(layer);
        const bool has_norm = layer > 0 || b.has("blk.0.attn_norm.weight");
        return sequential_block(b, hp, x, layer, window > 0 ? local : hp.rope, {.neox = true, .window = window},
                                gated(hp.ffn_act), {.before_attention = has_norm ? "attn_norm" : nullptr});
      },
      "output_norm");
}

}  // namespace

const Arch arch_modern_bert{"modern-bert", read, build, {.layer_norm = true}};

}  // namespace lupo
