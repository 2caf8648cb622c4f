// nomic-bert-moe: nomic-embed-text v2. As nomic-bert with biases and GELU; in every n-th layer experts without a gate, whose
// weights do not sum to one (Nussbaum & Duderstadt 2025, arXiv 2502.07972).
#include <fmt/format.h>

#include "model/arch/encoder.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  constexpr int64_t kStepMax = 1024;
  TRY(read_encoder(reader, hp));
  TRY(read_experts(reader, hp, Gating::softmax, false));
  hp.moe.act = Activation::gelu;
  TRY_ASSIGN(hp.moe_step, reader.integer_or("moe_every_n_layers", 0, 0, kStepMax));
  if (hp.moe_step == 0 || hp.moe.n_expert > 0) return {};
  return fail(Layer::model, "bad-value",
              fmt::format("{} is {} and {} is 0 or missing", reader.key("moe_every_n_layers"), hp.moe_step,
                          reader.key("expert_count")),
              "lupo inspect MODEL --keys  # and get the file again, or convert it again");
}

Value feed_forward(Builder& b, const Hparams& hp, Value h, int64_t layer) {
  if (hp.moe_step == 0 || layer % hp.moe_step != 1) return plain(Activation::gelu)(b, hp, h, layer);
  const Value router = b.linear(h, b.block("ffn_gate_inp"), hp.moe.n_expert);  // [E, T]
  return b.moe(h, router, b.block("ffn_up_exps"), "", b.block("ffn_down_exps"), hp.n_ff_expert, hp.moe);
}

Value build(Builder& b, const Hparams& hp) { return bert(b, hp, {.neox = true}, feed_forward); }

}  // namespace

const Arch arch_nomic_bert_moe{"nomic-bert-moe", read, build, {.layer_norm = true}};

}  // namespace lupo
