// apertus: Apertus 8B and 70B. As llama, with a norm of each query and key head, and xIELU in place of a gate, whose constants
// each layer has learned. Source: Apertus, arXiv 2509.14233.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/arch/arch.h"

namespace lupo {
namespace {

// One for all layers or one a layer; the key does not begin with the architecture.
Result<std::vector<float>> constants(const HparamReader& reader, const char* key, int64_t n_layer) {
  const gguf::Value* value = reader.metadata().find(key);
  std::vector<float> list;
  if (value != nullptr && value->type == gguf::ValueType::array) {
    TRY_ASSIGN(list, reader.metadata().floats(key));
  } else {
    TRY_ASSIGN(const double single, reader.metadata().number(key));
    list.assign(static_cast<size_t>(n_layer), static_cast<float>(single));
  }
  const bool in_range = std::all_of(list.begin(), list.end(), [](float x) { return std::abs(x) <= 1e4f; });
  if (static_cast<int64_t>(list.size()) == n_layer && in_range) return list;
  return fail(
      Layer::model, "bad-value",
      fmt::format("{} has {} items, wanted {} from -10000 to 10000 ({})", key, list.size(), n_layer, reader.key("block_count")),
      "lupo inspect MODEL --keys  # and get the file again, or convert it again");
}

Result<void> read(const HparamReader& reader, Hparams& hp) {
  TRY_ASSIGN(const std::vector<float> alpha_n, constants(reader, "xielu.alpha_n", hp.n_layer));
  TRY_ASSIGN(const std::vector<float> alpha_p, constants(reader, "xielu.alpha_p", hp.n_layer));
  TRY_ASSIGN(const std::vector<float> beta, constants(reader, "xielu.beta", hp.n_layer));
  TRY_ASSIGN(const std::vector<float> eps, constants(reader, "xielu.eps", hp.n_layer));
  const auto softplus = [](float x) { return x > 20 ? x : std::log1p(std::exp(x)); };  // the learned constants become positive
  for (size_t l = 0; l < alpha_n.size(); ++l)
    hp.xielu.push_back({beta[l] + softplus(alpha_n[l]), softplus(alpha_p[l]), beta[l], eps[l]});
  return {};
}

Value feed_forward(Builder& b, const Hparams& hp, Value h, int64_t layer) {
  const Value up = b.linear(h, b.block("ffn_up"), hp.n_ff[static_cast<size_t>(layer)]);  // [F, T]
  return b.linear(b.xielu(up, hp.xielu[static_cast<size_t>(layer)]), b.block("ffn_down"), hp.n_embd);
}

Value build(Builder& b, const Hparams& hp) { return plain_decoder(b, hp, {.neox = true, .qk_norm = QkNorm::head}, feed_forward); }

}  // namespace

const Arch arch_apertus{"apertus", read, build};

}  // namespace lupo
