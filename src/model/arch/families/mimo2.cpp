// mimo2: MiMo V2 Flash. Most layers see a window, with heads, rope base and sinks of their own; keys and values differ in size;
// the attention's result may be scaled; sigmoid router with a selection bias. Source: MiMo-V2-Flash, arXiv 2601.02780.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY(read_windows(reader, hp, 0, 1));
  TRY_ASSIGN(hp.attention_result_scale, reader.number_or("attention.value_scale", 1, 0, 1e4));
  return read_experts(reader, hp, Gating::sigmoid, true);
}

Value build(Builder& b, const Hparams& hp) {
  const Ffn dense = gated(Activation::silu), mixture = experts(dense);
  RopeParams local = hp.rope;
  local.freq_base = hp.freq_base_window;
  return decoder(b, hp, [&](Value x, int64_t layer) {
    const int64_t window = hp.window_of(layer);
    const AttentionStyle style{.neox = true, .window = window, .sinks = b.has(b.block("attn_sinks.weight"))};
    const Ffn& ffn = b.has(b.block("ffn_gate_inp.weight")) ? mixture : dense;  // no key says which layers have experts
    return sequential_block(b, hp, x, layer, window > 0 ? local : hp.rope, style, ffn);
  });
}

}  // namespace

const Arch arch_mimo2{"mimo2", read, build};

}  // namespace lupo
