// deepseek2: DeepSeek V2, V2 Lite, V3, R1, Kimi K2, GLM-4.7 Flash, GigaChat 3. Multi-head latent attention; experts after the
// leading dense layers, with shared ones beside them. Sources: DeepSeek-V2, arXiv 2405.04434; DeepSeek-V3, arXiv 2412.19437.
#include <cmath>

#include "model/arch/latent.h"

namespace lupo {
namespace {

// GLM-4.7 Flash has a sigmoid router, which its first files do not say: their size tells.
bool is_glm(const Hparams& hp) { return (hp.n_layer == 47 || hp.n_layer == 48) && hp.n_vocab == 154880; }

// YaRN makes scores grow by M(mscale_all_dim)², and what turns by M(mscale) / M(mscale_all_dim), with M(m) = 1 + 0.1 m
// ln(factor). The key has a tenth of mscale_all_dim; deepseek2 models have mscale = mscale_all_dim, mistral4 models mscale = 1.
Result<void> read_magnitude(const HparamReader& reader, Hparams& hp, bool is_mscale_the_same) {
  TRY_ASSIGN(const float tenth, reader.number_or("rope.scaling.yarn_log_multiplier", 0, 0, 10));
  const float all = yarn_magnitude(hp.rope, 10 * tenth), one = yarn_magnitude(hp.rope, 1);
  const float turning = hp.rope.attn_factor * (is_mscale_the_same && tenth > 0 ? 1 : one / all);
  hp.rope.attn_factor = turning / one;  // rope multiplies by M(1) of its own
  hp.attention_scale = turning * turning * all * all / std::sqrt(static_cast<float>(hp.latent.n_nope + hp.rope.n_rot));
  return {};
}

}  // namespace

Result<void> read_deepseek2(const HparamReader& reader, Hparams& hp) {
  TRY(read_latent(reader, hp));
  TRY(read_experts(reader, hp, is_glm(hp) ? Gating::sigmoid : Gating::softmax, false));
  TRY(read_temperature(reader, hp));
  return read_magnitude(reader, hp, reader.architecture() == "deepseek2");
}

Value build_deepseek2(Builder& b, const Hparams& hp) {
  const Ffn ffn = experts(gated(Activation::silu));
  return decoder(b, hp, [&](Value x, int64_t layer) {
    x = b.add(x, latent_attention(b, hp, block_norm(b, hp, x, "attn_norm"), layer, {}));
    return b.add(x, ffn(b, hp, block_norm(b, hp, x, "ffn_norm"), layer));
  });
}

const Arch arch_deepseek2{"deepseek2", read_deepseek2, build_deepseek2};

}  // namespace lupo
