#include "runtime/session/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

namespace lupo {
namespace {

// Everything off but the draw at temperature 1.
SamplingOptions plain() {
  SamplingOptions options;
  options.temperature = 1;
  options.top_k = 0;
  options.top_p = 1;
  options.min_p = 0;
  return options;
}

std::map<TokenId, int> histogram(const SamplingOptions& options, const std::vector<float>& logits, int n) {
  Sampler sampler(options);
  std::map<TokenId, int> counts;
  for (int i = 0; i < n; ++i) ++counts[sampler.sample(logits)];
  return counts;
}

TEST(Sampler, greedy_takes_the_first_of_equals) {
  SamplingOptions options;
  options.temperature = 0;
  EXPECT_EQ(Sampler(options).sample(std::vector<float>{1, 3, 3, 2}), 1);
}

TEST(Sampler, draws_in_the_proportion_of_the_softmax) {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.2f)};
  const auto counts = histogram(plain(), logits, 20000);
  // Six standard deviations of a binomial with n = 20000.
  EXPECT_NEAR(counts.at(0), 10000, 6 * std::sqrt(20000 * 0.25));
  EXPECT_NEAR(counts.at(1), 6000, 6 * std::sqrt(20000 * 0.21));
  EXPECT_NEAR(counts.at(2), 4000, 6 * std::sqrt(20000 * 0.16));
}

TEST(Sampler, same_seed_same_tokens) {
  const std::vector<float> logits(50, 0.0f);
  SamplingOptions options = plain();
  options.seed = 7;
  Sampler a(options), b(options);
  options.seed = 8;
  Sampler c(options);
  int differ = 0;
  for (int i = 0; i < 100; ++i) {
    const TokenId token = a.sample(logits);
    EXPECT_EQ(token, b.sample(logits));
    differ += token != c.sample(logits);
  }
  EXPECT_GT(differ, 50);
}

TEST(Sampler, each_filter_keeps_what_its_definition_says) {
  const std::vector<float> logits = {std::log(0.4f), std::log(0.3f), std::log(0.2f), std::log(0.1f)};
  const auto kept = [&](auto change) {
    SamplingOptions options = plain();
    change(options);
    std::string ids;
    for (const auto& [id, count] : histogram(options, logits, 3000)) ids += std::to_string(id);
    return ids;
  };
  EXPECT_EQ(kept([](auto&) {}), "0123");
  EXPECT_EQ(kept([](auto& o) { o.top_k = 2; }), "01");
  EXPECT_EQ(kept([](auto& o) { o.top_p = 0.65f; }), "01");  // 0.4 + 0.3 ≥ 0.65
  EXPECT_EQ(kept([](auto& o) { o.top_p = 0.75f; }), "012");
  EXPECT_EQ(kept([](auto& o) { o.min_p = 0.45f; }), "012");  // 0.45 · 0.4 = 0.18
  EXPECT_EQ(kept([](auto& o) { o.min_p = 0.6f; }), "01");
  // Entropy 1.28; surprises 0.92, 1.20, 1.61, 2.30: nearest first are 1, 2 (0.33), 0 (0.36).
  EXPECT_EQ(kept([](auto& o) { o.typical_p = 0.25f; }), "1");
  EXPECT_EQ(kept([](auto& o) { o.typical_p = 0.45f; }), "12");
  EXPECT_EQ(kept([](auto& o) { o.logit_bias = {{0, -std::numeric_limits<float>::infinity()}}; }), "123");
}

TEST(Sampler, penalties_act_on_recent_tokens_alone) {
  SamplingOptions options;
  options.temperature = 0;
  const std::vector<float> logits = {2.0f, 1.9f, -1.0f};
  options.repeat_penalty = 1.2f;
  options.penalty_last_n = 2;
  Sampler repeat(options);
  EXPECT_EQ(repeat.sample(logits), 0);
  repeat.accept(0);
  EXPECT_EQ(repeat.sample(logits), 1);  // 2.0 / 1.2 = 1.67
  repeat.accept(2);
  repeat.accept(2);
  EXPECT_EQ(repeat.sample(logits), 0);  // token 0 left the window
  options.repeat_penalty = 1;
  options.frequency_penalty = 0.06f;
  options.penalty_last_n = -1;
  Sampler frequency(options);
  frequency.accept(0);
  EXPECT_EQ(frequency.sample(logits), 0);  // 1.94
  frequency.accept(0);
  EXPECT_EQ(frequency.sample(logits), 1);  // 1.88
  frequency.forget();
  EXPECT_EQ(frequency.sample(logits), 0);
}

TEST(Sampler, hostile_logits_and_options_still_give_a_token) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  for (const std::vector<float>& logits :
       {std::vector<float>{nan, nan, nan}, {-inf, -inf, -inf}, {inf, nan, -inf}, {inf, inf, 0}, {0}})
    for (float temperature : {0.0f, 1e-30f, 1.0f, 100.0f})
      for (float extreme : {0.0f, 1.0f}) {
        SamplingOptions options;
        options.temperature = temperature;
        options.top_k = static_cast<int32_t>(extreme) * 2;
        options.top_p = options.min_p = options.typical_p = extreme;
        options.repeat_penalty = 100;
        Sampler sampler(options);
        sampler.accept(0);
        const TokenId token = sampler.sample(logits);
        EXPECT_GE(token, 0);
        EXPECT_LT(token, static_cast<TokenId>(logits.size()));
      }
}

TEST(SamplingOptions, values_outside_their_range_are_named) {
  SamplingOptions options;
  EXPECT_TRUE(check(options));
  options.top_p = 1.5f;
  EXPECT_NE(check(options).error().what.find("top-p is 1.5"), std::string::npos);
  options.top_p = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(check(options));
}

}  // namespace
}  // namespace lupo
