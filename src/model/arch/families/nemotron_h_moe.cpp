// nemotron_h_moe: Nemotron 3 Nano 30B-A3B, Super 120B-A12B. As nemotron_h, with experts that have no gate, sigmoid scores and a
// shared expert; those of Super work on a narrower vector than C.
#include "model/arch/recurrent.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY_ASSIGN(const bool normalise, reader.flag_or("expert_weights_norm", false));
  TRY(read_experts(reader, hp, Gating::sigmoid, normalise));
  hp.moe.act = Activation::relu_squared;
  TRY_ASSIGN(hp.expert_width, reader.integer_or("moe_latent_size", hp.n_embd, 1, 1 << 20));
  return read_one_part_layers(reader, hp);
}

Value feed_forward(Builder& b, const Hparams& hp, Value h, int64_t) {
  const bool is_narrow = b.has(b.block("ffn_latent_down.weight"));
  const Value x = is_narrow ? b.linear(h, b.block("ffn_latent_down"), hp.expert_width) : h;
  const Value router = b.linear(h, b.block("ffn_gate_inp"), hp.moe.n_expert);  // [E, T]
  const Value selection = b.vector_if(b.block("exp_probs_b.bias"), hp.moe.n_expert);
  Value mixed = b.moe(x, router, b.block("ffn_up_exps"), "", b.block("ffn_down_exps"), hp.n_ff_expert, hp.moe, selection);
  if (is_narrow) mixed = b.linear(mixed, b.block("ffn_latent_up"), hp.n_embd);
  const Value shared = b.activate(b.linear(h, b.block("ffn_up_shexp"), hp.n_ff_shared), Activation::relu_squared);
  return b.add(mixed, b.linear(shared, b.block("ffn_down_shexp"), hp.n_embd));
}

Value build(Builder& b, const Hparams& hp) { return one_part_decoder(b, hp, feed_forward); }

}  // namespace

const Arch arch_nemotron_h_moe{"nemotron_h_moe", read, build, {.hybrid = true}};

}  // namespace lupo
