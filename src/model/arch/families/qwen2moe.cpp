// qwen2moe: Qwen 1.5 MoE A2.7B and Qwen 2 57B-A14B. As qwen2, with experts and a gated shared expert.
#include <algorithm>

#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY(read_experts(reader, hp, Gating::softmax, false));
  if (hp.moe.n_expert == 0) return {};
  // Files of the first release lack both widths: an expert is a share of the whole, the shared one is the whole.
  if (!reader.has("expert_feed_forward_length")) hp.n_ff_expert = std::max<int64_t>(1, hp.n_ff.front() / hp.moe.n_used);
  if (hp.n_ff_shared == 0) hp.n_ff_shared = hp.n_ff.front();
  return {};
}

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {.neox = true}, experts(gated(Activation::silu))); }

}  // namespace

const Arch arch_qwen2moe{"qwen2moe", read, build};

}  // namespace lupo
