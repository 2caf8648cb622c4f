// Choosing the next token from logits. Same options, seed and logits give the same tokens on every machine.
//
// Order: logit bias, penalties, top-k, typical, top-p, min-p, temperature, draw. Temperature 0 is greedy. One Sampler a
// sequence; not thread-safe. Never fails: whatever the options, at least one token stays (NaN counts as −infinity).
#pragma once

#include <cstdint>
#include <deque>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/gguf/gguf.h"
#include "model/text/tokenizer.h"

namespace lupo {

struct SamplingOptions {
  float temperature = 0.8f;                           // 0 = greedy
  int32_t top_k = 40;                                 // 0 = all
  float top_p = 0.95f;                                // 1 = off
  float min_p = 0.05f;                                // 0 = off
  float typical_p = 1;                                // 1 = off. Meister et al. 2022, arXiv 2202.00666
  float repeat_penalty = 1;                           // 1 = off; divides positive and multiplies negative logits of recent tokens
  float frequency_penalty = 0;                        // times the number of recent occurrences
  float presence_penalty = 0;                         // once for a recent token
  int32_t penalty_last_n = 64;                        // how many recent tokens count; −1 = all
  std::vector<std::pair<TokenId, float>> logit_bias;  // added; −inf bans
  uint64_t seed = 0;
};

// The model's own recommendations, general.sampling.*, put over `options`; `notes` gets one line for each that was taken.
Result<void> apply_model_defaults(const gguf::Metadata& metadata, SamplingOptions& options, std::vector<std::string>& notes);

// Values outside their ranges: {runtime, bad-option} naming option and range.
Result<void> check(const SamplingOptions& options);

class Sampler {
 public:
  explicit Sampler(SamplingOptions options) : options_(std::move(options)), random_(options_.seed) {}

  TokenId sample(std::span<const float> logits);  // [V]
  void accept(TokenId token);                     // a token that is now part of the text, for the penalties
  void forget() { recent_.clear(); }              // before another text; the random sequence goes on
  void follow(const Sampler& other);              // draws from now on as `other` would: its options, numbers and recent tokens
  const SamplingOptions& options() const { return options_; }

 private:
  struct Candidate {
    TokenId id;
    float logit;
    float p;
  };
  void penalize(std::vector<float>& logits) const;
  void keep_top_k(std::span<const float> logits);
  void keep_typical();
  void keep_top_p();
  void keep_min_p();
  TokenId draw();
  void softmax(float temperature);  // fills p of candidates_, which are sorted by descending logit

  SamplingOptions options_;
  std::mt19937_64 random_;
  std::deque<TokenId> recent_;
  std::vector<float> adjusted_;        // [V], only when something changes the logits
  std::vector<Candidate> candidates_;  // what is left, by descending logit
};

}  // namespace lupo
