#include "model/arch/hparams.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace lupo {
namespace {

// Generous: ten times the largest model known, small enough that no product of two overflows 63 bits.
constexpr int64_t kLayersMax = 1024, kEmbdMax = 1 << 20, kHeadsMax = 1 << 14, kHeadDimMax = 1 << 14, kFfMax = 1 << 24,
                  kVocabMax = 1 << 26;
constexpr int64_t kContextMax = (int64_t{1} << 31) - 1;  // positions are 32-bit

constexpr const char* kNextn = "nextn_predict_layers";
constexpr const char* kFix = "lupo inspect MODEL --keys  # and get the file again, or convert it again";

Result<void> read_heads(const HparamReader& reader, Hparams& hp, bool hybrid) {
  const int64_t least = hybrid ? 0 : 1;
  TRY_ASSIGN(hp.n_head, reader.per_layer("attention.head_count", hp.n_layer, least, kHeadsMax));
  hp.n_kv_head = hp.n_head;
  if (reader.has("attention.head_count_kv")) {
    TRY_ASSIGN(hp.n_kv_head, reader.per_layer("attention.head_count_kv", hp.n_layer, least, kHeadsMax));
  }
  for (int64_t l = 0; l < hp.n_layer; ++l) {
    const int64_t heads = hp.n_head[static_cast<size_t>(l)], kv = hp.n_kv_head[static_cast<size_t>(l)];
    if (kv > 0 && (heads == 0 || heads % kv != 0))
      return fail(Layer::model, "bad-value",
                  fmt::format("{} is {} and {} is {} (layer {}): the first must be a multiple of the second",
                              reader.key("attention.head_count"), heads, reader.key("attention.head_count_kv"), kv, l),
                  kFix);
  }
  const int64_t heads = *std::max_element(hp.n_head.begin(), hp.n_head.end());
  if (heads == 0) return {};  // no layer has attention
  if (!reader.has("attention.key_length") && hp.n_embd % heads != 0)
    return fail(Layer::model, "bad-value",
                fmt::format("{} is {}, not a multiple of {} = {}, and {} is missing", reader.key("embedding_length"), hp.n_embd,
                            reader.key("attention.head_count"), heads, reader.key("attention.key_length")),
                kFix);
  TRY_ASSIGN(hp.head_dim, reader.integer_or("attention.key_length", hp.n_embd / heads, 1, kHeadDimMax));
  TRY_ASSIGN(hp.head_dim_v, reader.integer_or("attention.value_length", hp.n_embd / heads, 1, kHeadDimMax));
  TRY_ASSIGN(hp.attention_scale, reader.number_or("attention.scale", 0, 0, 1e4));
  return {};
}

Result<void> read_rope(const HparamReader& reader, Hparams& hp) {
  RopeParams& rope = hp.rope;
  TRY_ASSIGN(rope.n_rot, reader.integer_or("rope.dimension_count", hp.head_dim, 2, kHeadDimMax));
  if (rope.n_rot > hp.head_dim || rope.n_rot % 2 != 0)
    return fail(Layer::model, "bad-value",
                fmt::format("{} is {}, wanted an even number up to the head size {} ({})", reader.key("rope.dimension_count"),
                            rope.n_rot, hp.head_dim, reader.key("attention.key_length")),
                kFix);
  TRY_ASSIGN(rope.freq_base, reader.number_or("rope.freq_base", 10000, 1, 1e12));
  if (reader.has("rope.scaling.type")) {
    TRY_ASSIGN(const std::string_view type, reader.metadata().string(reader.key("rope.scaling.type")));
    rope.scaling = std::string(type);
  } else if (reader.has("rope.scale_linear")) {
    rope.scaling = "linear";
  }
  if (rope.scaling != "none" && rope.scaling != "linear" && rope.scaling != "yarn" && rope.scaling != "longrope")
    return fail(
        Layer::model, "bad-value",
        fmt::format("{} is '{}', supported are none, linear, yarn, longrope", reader.key("rope.scaling.type"), rope.scaling),
        kFix);
  const char* factor_key = reader.has("rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear";
  TRY_ASSIGN(const float factor, reader.number_or(factor_key, 1, 0, 1e6));  // 0 stands for "none" in some files
  const bool scales = rope.scaling == "linear" || rope.scaling == "yarn";
  rope.freq_scale = scales && factor > 0 ? 1 / factor : 1;
  TRY_ASSIGN(rope.ext_factor, reader.number_or("rope.scaling.yarn_ext_factor", rope.scaling == "yarn" ? 1.0f : 0.0f, -1, 100));
  if (rope.ext_factor < 0) rope.ext_factor = rope.scaling == "yarn" ? 1 : 0;
  TRY_ASSIGN(rope.attn_factor, reader.number_or("rope.scaling.attn_factor", 1, 0, 1e4));
  TRY_ASSIGN(rope.beta_fast, reader.number_or("rope.scaling.yarn_beta_fast", 32, 0, 1e6));
  TRY_ASSIGN(rope.beta_slow, reader.number_or("rope.scaling.yarn_beta_slow", 1, 0, 1e6));
  TRY_ASSIGN(rope.n_ctx_orig, reader.integer_or("rope.scaling.original_context_length", hp.n_ctx_train, 1, kContextMax));
  return {};
}

// What embeddings are made of: whether tokens see those after them, pooling, classification head.
Result<void> read_embedding(const HparamReader& reader, Hparams& hp) {
  constexpr int64_t kLabelsMax = 1 << 16;
  constexpr const char* kLabels = "classifier.output_labels";
  TRY_ASSIGN(hp.causal, reader.flag_or("attention.causal", true));
  if (reader.has("pooling_type")) {
    TRY_ASSIGN(const int64_t pooling, reader.integer("pooling_type", 0, static_cast<int64_t>(Pooling::rank)));
    hp.pooling = static_cast<Pooling>(pooling);
  }
  if (const gguf::Value* value = reader.metadata().find(reader.key(kLabels)); value != nullptr) {
    const auto* list = std::get_if<gguf::ArrayView>(&value->data);
    if (list == nullptr || list->count < 1 || list->count > static_cast<uint64_t>(kLabelsMax))
      return fail(Layer::model, "bad-value",
                  fmt::format("{} holds {} items, wanted 1 to {}", reader.key(kLabels), list ? list->count : 0, kLabelsMax),
                  kFix);
    hp.n_labels = static_cast<int64_t>(list->count);
  }
  return {};
}

// The vocabulary's size is that of the tokenizer's list; a file without one says it in a key.
Result<int64_t> read_n_vocab(const HparamReader& reader) {
  const gguf::Value* tokens = reader.metadata().find("tokenizer.ggml.tokens");
  if (tokens == nullptr) return reader.integer("vocab_size", 1, kVocabMax);
  const auto* list = std::get_if<gguf::ArrayView>(&tokens->data);
  if (list == nullptr || list->count < 1 || list->count > static_cast<uint64_t>(kVocabMax))
    return fail(Layer::model, "bad-value",
                fmt::format("tokenizer.ggml.tokens holds {} items, wanted 1 to {}", list ? list->count : 0, kVocabMax), kFix);
  return static_cast<int64_t>(list->count);
}

}  // namespace

Result<int64_t> HparamReader::integer_or(std::string_view name, int64_t fallback, int64_t min, int64_t max) const {
  return has(name) ? integer(name, min, max) : Result<int64_t>(fallback);
}

Result<float> HparamReader::number(std::string_view name, double min, double max) const {
  TRY_ASSIGN(const double value, metadata_.number(key(name)));
  if (!(value >= min && value <= max))
    return fail(Layer::model, "bad-value", fmt::format("{} is {}, wanted {} to {}", key(name), value, min, max), kFix);
  return static_cast<float>(value);
}

Result<float> HparamReader::number_or(std::string_view name, float fallback, double min, double max) const {
  return has(name) ? number(name, min, max) : Result<float>(fallback);
}

Result<bool> HparamReader::flag_or(std::string_view name, bool fallback) const {
  return has(name) ? metadata_.boolean(key(name)) : Result<bool>(fallback);
}

Result<std::vector<int64_t>> HparamReader::per_layer(std::string_view name, int64_t n_layer, int64_t min, int64_t max) const {
  const gguf::Value* value = metadata_.find(key(name));
  if (value == nullptr || value->type != gguf::ValueType::array) {
    TRY_ASSIGN(const int64_t single, integer(name, min, max));
    return std::vector<int64_t>(static_cast<size_t>(n_layer), single);
  }
  TRY_ASSIGN(std::vector<int64_t> values, metadata_.integers(key(name)));
  TRY_ASSIGN(const int64_t n_nextn, integer_or(kNextn, 0, 0, kLayersMax));
  if (static_cast<int64_t>(values.size()) == n_layer + n_nextn) values.resize(static_cast<size_t>(n_layer));
  if (static_cast<int64_t>(values.size()) != n_layer)
    return fail(Layer::model, "bad-value",
                fmt::format("{} has {} items for {} layers ({})", key(name), values.size(), n_layer, key("block_count")), kFix);
  for (size_t l = 0; l < values.size(); ++l)
    if (values[l] < min || values[l] > max)
      return fail(Layer::model, "bad-value", fmt::format("{}[{}] is {}, wanted {} to {}", key(name), l, values[l], min, max),
                  kFix);
  return values;
}

Result<void> read_windows(const HparamReader& reader, Hparams& hp, int64_t window, int64_t pattern, bool global_first) {
  constexpr const char* kPattern = "attention.sliding_window_pattern";
  TRY_ASSIGN(hp.window, reader.integer_or("attention.sliding_window", window, 0, kContextMax));
  TRY_ASSIGN(hp.freq_base_window, reader.number_or("rope.freq_base_swa", hp.rope.freq_base, 1, 1e12));
  const gguf::Value* value = reader.metadata().find(reader.key(kPattern));
  if (value != nullptr && value->type == gguf::ValueType::array) {
    TRY_ASSIGN(hp.is_local, reader.per_layer(kPattern, hp.n_layer, 0, 1));
  } else {
    TRY_ASSIGN(pattern, reader.integer_or(kPattern, pattern, 1, kLayersMax));
    for (int64_t l = 0; l < hp.n_layer; ++l) hp.is_local.push_back(global_first ? l % pattern != 0 : l % pattern < pattern - 1);
  }
  if (hp.window == 0) hp.is_local.clear();
  return {};
}

Result<void> read_multipliers(const HparamReader& reader, Hparams& hp) {
  TRY_ASSIGN(const float divisor, reader.number_or("logit_scale", 1 / hp.logit_scale, 1e-6, 1e6));
  hp.logit_scale = 1 / divisor;
  TRY_ASSIGN(hp.residual_scale, reader.number_or("residual_scale", hp.residual_scale, 1e-6, 1e6));
  TRY_ASSIGN(hp.embed_scale, reader.number_or("embedding_scale", hp.embed_scale, 1e-6, 1e6));
  return {};
}

Result<void> read_temperature(const HparamReader& reader, Hparams& hp) {
  TemperatureAttrs& temperature = hp.temperature;
  TRY_ASSIGN(temperature.beta, reader.number_or("attention.temperature_scale", temperature.beta, 0, 1e3));
  const int64_t length = temperature.n_ctx_orig > 1 ? temperature.n_ctx_orig : hp.rope.n_ctx_orig;
  TRY_ASSIGN(temperature.n_ctx_orig, reader.integer_or("attention.temperature_length", length, 1, kContextMax));
  return {};
}

float yarn_magnitude(const RopeParams& rope, float m) {
  return rope.ext_factor == 0 || rope.freq_scale >= 1 ? 1 : 1 + 0.1f * m * std::log(1 / rope.freq_scale);
}

namespace {

// expert_gating_func: 0 says nothing, the others are numbered as in Gating.
Result<void> read_gating(const HparamReader& reader, MoeAttrs& moe) {
  TRY_ASSIGN(const int64_t function, reader.integer_or("expert_gating_func", 0, 0, 3));
  if (function > 0) moe.gating = static_cast<Gating>(function - 1);
  return {};
}

Result<void> read_expert_groups(const HparamReader& reader, MoeAttrs& moe) {
  TRY_ASSIGN(const int64_t n_group, reader.integer_or("expert_group_count", 0, 0, moe.n_expert));
  if (n_group < 2) return {};
  moe.n_group = n_group;
  if (!reader.has("expert_group_used_count"))
    return fail(Layer::model, "missing-key",
                fmt::format("{} is {}, but {} is missing", reader.key("expert_group_count"), n_group,
                            reader.key("expert_group_used_count")),
                kFix);
  TRY_ASSIGN(moe.n_group_used, reader.integer("expert_group_used_count", 1, n_group));
  if (moe.n_expert % n_group != 0 || moe.n_used > moe.n_expert / n_group * moe.n_group_used)
    return fail(Layer::model, "bad-value",
                fmt::format("{} is {}, {} {}, {} {}, {} {}: the experts cannot be cut so", reader.key("expert_group_count"),
                            n_group, reader.key("expert_count"), moe.n_expert, reader.key("expert_used_count"), moe.n_used,
                            reader.key("expert_group_used_count"), moe.n_group_used),
                kFix);
  return {};
}

}  // namespace

Result<void> read_experts(const HparamReader& reader, Hparams& hp, Gating gating, bool normalise) {
  constexpr int64_t kExpertsMax = 4096;
  MoeAttrs& moe = hp.moe;
  moe.gating = gating;
  static_assert(static_cast<int>(Gating::sigmoid) == 1 && static_cast<int>(Gating::softmax_used) == 2);
  TRY_ASSIGN(moe.n_expert, reader.integer_or("expert_count", 0, 0, kExpertsMax));
  if (moe.n_expert == 0) return {};
  TRY_ASSIGN(moe.n_used, reader.integer_or("expert_used_count", 0, 0, kExpertsMax));
  if (moe.n_used < 1 || moe.n_used > moe.n_expert)
    return fail(Layer::model, "bad-value",
                fmt::format("{} is {}, wanted 1 to {} = {}", reader.key("expert_used_count"),
                            reader.has("expert_used_count") ? std::to_string(moe.n_used) : "missing", reader.key("expert_count"),
                            moe.n_expert),
                kFix);
  TRY(read_gating(reader, moe));
  TRY(read_expert_groups(reader, moe));
  TRY_ASSIGN(moe.normalise, reader.flag_or("expert_weights_norm", normalise));
  TRY_ASSIGN(moe.weight_scale, reader.number_or("expert_weights_scale", 1, 0, 1e6));
  if (moe.weight_scale == 0) moe.weight_scale = 1;
  hp.n_ff_expert = *std::max_element(hp.n_ff.begin(), hp.n_ff.end());
  TRY_ASSIGN(hp.n_ff_expert, reader.integer_or("expert_feed_forward_length", hp.n_ff_expert, 1, kFfMax));
  if (hp.n_ff_expert == 0)
    return fail(
        Layer::model, "missing-key",
        fmt::format("{} is missing and {} is 0", reader.key("expert_feed_forward_length"), reader.key("feed_forward_length")),
        kFix);
  TRY_ASSIGN(hp.n_ff_shared, reader.integer_or("expert_shared_feed_forward_length", 0, 0, kFfMax));
  TRY_ASSIGN(const int64_t n_shared, reader.integer_or("expert_shared_count", 0, 0, kExpertsMax));
  if (hp.n_ff_shared == 0) hp.n_ff_shared = n_shared * hp.n_ff_expert;  // shared experts lie in the file as one
  TRY_ASSIGN(hp.n_dense_lead, reader.integer_or("leading_dense_block_count", 0, 0, hp.n_layer));
  TRY_ASSIGN(hp.moe_step, reader.integer_or("interleave_moe_layer_step", 1, 1, kLayersMax));
  return {};
}

Result<void> read_recurrent(const HparamReader& reader, Hparams& hp, bool is_mamba_1) {
  constexpr int64_t kInnerMax = 1 << 22, kStateMax = 1 << 12;
  Hparams::Recurrent& r = hp.recurrent;
  TRY_ASSIGN(r.conv_width, reader.integer("ssm.conv_kernel", 2, kConvWidthMax));
  TRY_ASSIGN(r.inner, reader.integer("ssm.inner_size", 1, kInnerMax));
  TRY_ASSIGN(r.n_state, reader.integer("ssm.state_size", 1, kStateMax));
  TRY_ASSIGN(r.n_head, reader.integer("ssm.time_step_rank", 1, kInnerMax));
  if (is_mamba_1) return {};
  TRY_ASSIGN(r.n_group, reader.integer("ssm.group_count", 1, kInnerMax));
  if (r.inner % r.n_head != 0 || r.n_head % r.n_group != 0)
    return fail(Layer::model, "bad-value",
                fmt::format("{} is {}, {} is {} and {} is {}: each must be a multiple of the next", reader.key("ssm.inner_size"),
                            r.inner, reader.key("ssm.time_step_rank"), r.n_head, reader.key("ssm.group_count"), r.n_group),
                kFix);
  return {};
}

Result<Hparams> read_common_hparams(const HparamReader& reader, const ArchTraits& traits) {
  Hparams hp;
  TRY_ASSIGN(hp.n_embd, reader.integer("embedding_length", 1, kEmbdMax));
  TRY_ASSIGN(hp.n_layer, reader.integer("block_count", 1, kLayersMax));
  TRY_ASSIGN(hp.n_nextn, reader.integer_or(kNextn, 0, 0, kLayersMax));
  if (hp.n_nextn >= hp.n_layer)
    return fail(Layer::model, "bad-value",
                fmt::format("{} is {} of {} {}", reader.key(kNextn), hp.n_nextn, reader.key("block_count"), hp.n_layer), kFix);
  hp.n_layer -= hp.n_nextn;
  TRY_ASSIGN(hp.n_ctx_train, reader.integer("context_length", 1, kContextMax));
  hp.n_ff.assign(static_cast<size_t>(hp.n_layer), 0);
  if (reader.has("feed_forward_length")) {
    TRY_ASSIGN(hp.n_ff, reader.per_layer("feed_forward_length", hp.n_layer, traits.hybrid ? 0 : 1, kFfMax));
  } else if (!reader.has("expert_feed_forward_length")) {
    return fail(Layer::model, "missing-key",
                fmt::format("{} and {} are missing, one is wanted", reader.key("feed_forward_length"),
                            reader.key("expert_feed_forward_length")),
                kFix);
  }
  TRY_ASSIGN(hp.n_vocab, read_n_vocab(reader));
  TRY(read_heads(reader, hp, traits.hybrid));
  constexpr const char *kRms = "attention.layer_norm_rms_epsilon", *kMean = "attention.layer_norm_epsilon";
  if (!reader.has(kRms) && !reader.has(kMean))
    return fail(Layer::model, "missing-key",
                fmt::format("{} and {} are missing, one is wanted", reader.key(kRms), reader.key(kMean)), kFix);
  hp.norm_is_rms = !traits.layer_norm;
  const bool uses_rms_key = hp.norm_is_rms ? reader.has(kRms) : !reader.has(kMean);
  TRY_ASSIGN(hp.norm_eps, reader.number(uses_rms_key ? kRms : kMean, 0, 1));
  TRY(read_rope(reader, hp));
  TRY(read_embedding(reader, hp));
  return hp;
}

}  // namespace lupo
