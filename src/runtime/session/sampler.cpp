#include "runtime/session/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

namespace lupo {

Result<void> apply_model_defaults(const gguf::Metadata& metadata, SamplingOptions& options, std::vector<std::string>& notes) {
  const auto take_float = [&](const char* key, float& target) -> Result<void> {
    if (metadata.find(key) == nullptr) return {};
    TRY_ASSIGN(const double value, metadata.number(key));
    target = static_cast<float>(value);
    notes.push_back(fmt::format("{} = {}", key, value));
    return {};
  };
  const auto take_integer = [&](const char* key, int32_t& target) -> Result<void> {
    if (metadata.find(key) == nullptr) return {};
    TRY_ASSIGN(const int64_t value, metadata.integer(key, -1, std::numeric_limits<int32_t>::max()));
    target = static_cast<int32_t>(value);
    notes.push_back(fmt::format("{} = {}", key, value));
    return {};
  };
  TRY(take_integer("general.sampling.top_k", options.top_k));
  TRY(take_float("general.sampling.top_p", options.top_p));
  TRY(take_float("general.sampling.min_p", options.min_p));
  TRY(take_float("general.sampling.temp", options.temperature));
  TRY(take_integer("general.sampling.penalty_last_n", options.penalty_last_n));
  TRY(take_float("general.sampling.penalty_repeat", options.repeat_penalty));
  return check(options);
}

Result<void> check(const SamplingOptions& options) {
  const auto refuse = [](const char* name, double value, const char* range) {
    return fail(Layer::runtime, "bad-option", fmt::format("{} is {}, wanted {}", name, value, range),
                fmt::format("--{} with a value in {}", name, range));
  };
  const auto outside = [](double value, double min, double max) { return !(value >= min && value <= max); };
  if (outside(options.temperature, 0, 100)) return refuse("temp", options.temperature, "0 to 100");
  if (options.top_k < 0 && options.top_k != -1) return refuse("top-k", options.top_k, "0 (all) or more");
  if (outside(options.top_p, 0, 1)) return refuse("top-p", options.top_p, "0 to 1");
  if (outside(options.min_p, 0, 1)) return refuse("min-p", options.min_p, "0 to 1");
  if (outside(options.typical_p, 0, 1)) return refuse("typical", options.typical_p, "0 to 1");
  if (outside(options.repeat_penalty, 0.01, 100)) return refuse("repeat-penalty", options.repeat_penalty, "0.01 to 100");
  if (outside(options.frequency_penalty, -100, 100)) return refuse("frequency-penalty", options.frequency_penalty, "-100 to 100");
  if (outside(options.presence_penalty, -100, 100)) return refuse("presence-penalty", options.presence_penalty, "-100 to 100");
  if (options.penalty_last_n < -1) return refuse("repeat-last-n", options.penalty_last_n, "-1 (all) or more");
  return {};
}

void Sampler::accept(TokenId token) {
  recent_.push_back(token);
  if (options_.penalty_last_n >= 0 && recent_.size() > static_cast<size_t>(options_.penalty_last_n)) recent_.pop_front();
}

void Sampler::follow(const Sampler& other) {
  options_ = other.options_;
  random_ = other.random_;
  recent_ = other.recent_;
}

void Sampler::penalize(std::vector<float>& logits) const {
  for (const auto& [id, bias] : options_.logit_bias)
    if (id >= 0 && static_cast<size_t>(id) < logits.size()) logits[static_cast<size_t>(id)] += bias;
  if (options_.repeat_penalty == 1 && options_.frequency_penalty == 0 && options_.presence_penalty == 0) return;
  std::unordered_map<TokenId, int> counts;
  for (TokenId id : recent_) ++counts[id];
  for (const auto& [id, count] : counts) {
    if (id < 0 || static_cast<size_t>(id) >= logits.size()) continue;
    float& logit = logits[static_cast<size_t>(id)];
    logit = logit > 0 ? logit / options_.repeat_penalty : logit * options_.repeat_penalty;
    logit -= static_cast<float>(count) * options_.frequency_penalty + options_.presence_penalty;
  }
}

void Sampler::keep_top_k(std::span<const float> logits) {
  candidates_.resize(logits.size());
  for (size_t i = 0; i < logits.size(); ++i)
    candidates_[i] = {static_cast<TokenId>(i), std::isnan(logits[i]) ? -std::numeric_limits<float>::infinity() : logits[i], 0};
  // Equal logits: the smaller id first, so that the order never depends on the sort.
  const auto better = [](const Candidate& a, const Candidate& b) { return a.logit != b.logit ? a.logit > b.logit : a.id < b.id; };
  const size_t k = options_.top_k > 0 ? std::min(candidates_.size(), static_cast<size_t>(options_.top_k)) : candidates_.size();
  std::partial_sort(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(k), candidates_.end(), better);
  candidates_.resize(k);
}

void Sampler::softmax(float temperature) {
  const float top = candidates_.front().logit;
  double total = 0;
  for (Candidate& c : candidates_) {
    c.p = c.logit == top ? 1.0f : std::exp((c.logit - top) / temperature);  // also when both are −infinity
    total += static_cast<double>(c.p);
  }
  for (Candidate& c : candidates_) c.p = static_cast<float>(static_cast<double>(c.p) / total);
}

void Sampler::keep_typical() {
  if (options_.typical_p >= 1 || candidates_.size() < 2) return;
  softmax(1);
  double entropy = 0;
  for (const Candidate& c : candidates_)
    if (c.p > 0) entropy -= static_cast<double>(c.p) * std::log(static_cast<double>(c.p));
  const auto surprise = [&](const Candidate& c) {
    return c.p > 0 ? std::abs(-std::log(static_cast<double>(c.p)) - entropy) : std::numeric_limits<double>::infinity();
  };
  std::stable_sort(candidates_.begin(), candidates_.end(),
                   [&](const Candidate& a, const Candidate& b) { return surprise(a) < surprise(b); });
  double total = 0;
  size_t n = 0;
  while (n < candidates_.size() && total < static_cast<double>(options_.typical_p))
    total += static_cast<double>(candidates_[n++].p);
  candidates_.resize(std::max<size_t>(1, n));
  std::stable_sort(candidates_.begin(), candidates_.end(),
                   [](const Candidate& a, const Candidate& b) { return a.logit != b.logit ? a.logit > b.logit : a.id < b.id; });
}

void Sampler::keep_top_p() {
  if (options_.top_p >= 1 || candidates_.size() < 2) return;
  softmax(1);
  double total = 0;
  size_t n = 0;
  while (n < candidates_.size() && total < static_cast<double>(options_.top_p)) total += static_cast<double>(candidates_[n++].p);
  candidates_.resize(std::max<size_t>(1, n));
}

void Sampler::keep_min_p() {
  if (options_.min_p <= 0 || candidates_.size() < 2) return;
  const float floor = candidates_.front().logit + std::log(options_.min_p);
  const auto first_out =
      std::find_if(candidates_.begin() + 1, candidates_.end(), [&](const Candidate& c) { return c.logit < floor; });
  candidates_.erase(first_out, candidates_.end());
}

TokenId Sampler::draw() {
  softmax(options_.temperature);
  // 53 random bits: the same number from the same seed wherever the standard's generator runs.
  double left = static_cast<double>(random_() >> 11) * 0x1p-53;
  for (const Candidate& c : candidates_) {
    left -= static_cast<double>(c.p);
    if (left < 0) return c.id;
  }
  return candidates_.front().id;
}

TokenId Sampler::sample(std::span<const float> logits) {
  const bool changes = !options_.logit_bias.empty() || options_.repeat_penalty != 1 || options_.frequency_penalty != 0 ||
                       options_.presence_penalty != 0;
  if (changes) {
    adjusted_.assign(logits.begin(), logits.end());
    penalize(adjusted_);
    logits = adjusted_;
  }
  if (options_.temperature <= 0 || options_.top_k == 1) {
    TokenId best = 0;
    for (size_t i = 1; i < logits.size(); ++i)
      if (logits[i] > logits[static_cast<size_t>(best)] || std::isnan(logits[static_cast<size_t>(best)]))
        best = static_cast<TokenId>(i);
    return best;
  }
  keep_top_k(logits);
  keep_typical();
  keep_top_p();
  keep_min_p();
  return draw();
}

}  // namespace lupo
