// llama: Llama 1-3, Mistral 7B, SmolLM, TinyLlama and most merges. RMS norm, rotary pairs (2i, 2i+1), SwiGLU, grouped queries.
#include <fmt/format.h>

#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams&) {
  TRY_ASSIGN(const int64_t n_expert, reader.integer_or("expert_count", 0, 0, 4096));
  if (n_expert > 0)
    return fail(Layer::model, "unsupported-model",
                fmt::format("{} is {}: mixtures of experts are not supported yet", reader.key("expert_count"), n_expert),
                "choose a dense model");
  return {};
}

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {}, gated(Activation::silu)); }

}  // namespace

const Arch arch_llama{"llama", read, build};

}  // namespace lupo
