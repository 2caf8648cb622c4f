// route: which experts a token gets and with what weights, against values worked out by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "graph/ops/op.h"

namespace lupo {
namespace {

constexpr float kTolerance = 1e-6f;

struct Routed {
  std::vector<int32_t> experts;
  std::vector<float> weights;
};

Routed routed(const MoeAttrs& moe, const std::vector<float>& router, const std::vector<float>& selection = {}) {
  Routed result{std::vector<int32_t>(static_cast<size_t>(moe.n_used)), std::vector<float>(static_cast<size_t>(moe.n_used))};
  route(moe, router.data(), selection.empty() ? nullptr : selection.data(), result.experts.data(), result.weights.data());
  return result;
}

void expect_routed(const Routed& actual, const std::vector<int32_t>& experts, const std::vector<float>& weights) {
  EXPECT_EQ(actual.experts, experts);
  for (size_t i = 0; i < weights.size(); ++i) EXPECT_NEAR(actual.weights[i], weights[i], kTolerance) << i;
}

// Scores of 1/10, 2/10, 3/10 and 4/10.
const std::vector<float> kTenths{std::log(1.0f), std::log(2.0f), std::log(3.0f), std::log(4.0f)};
// Sigmoids of 1/2, 1/4, 3/4, 4/5, 1/3 and 2/3.
const std::vector<float> kSigmoids{0, -std::log(3.0f), std::log(3.0f), std::log(4.0f), -std::log(2.0f), std::log(2.0f)};

TEST(Route, softmax_is_over_all_experts) {
  expect_routed(routed({.n_expert = 4, .n_used = 2}, kTenths), {3, 2}, {0.4f, 0.3f});
  expect_routed(routed({.n_expert = 4, .n_used = 2, .normalise = true}, kTenths), {3, 2}, {4.0f / 7, 3.0f / 7});
  expect_routed(routed({.n_expert = 4, .n_used = 2, .gating = Gating::softmax_used}, kTenths), {3, 2}, {4.0f / 7, 3.0f / 7});
}

TEST(Route, weights_are_scaled_last) {
  expect_routed(routed({.n_expert = 4, .n_used = 2, .normalise = true, .weight_scale = 2.5f}, kTenths), {3, 2},
                {10.0f / 7, 7.5f / 7});
}

TEST(Route, sigmoids_are_of_each_expert) {
  expect_routed(routed({.n_expert = 6, .n_used = 3, .gating = Gating::sigmoid}, kSigmoids), {3, 2, 5}, {0.8f, 0.75f, 2.0f / 3});
}

TEST(Route, the_selection_bias_chooses_and_does_not_weigh) {
  const MoeAttrs moe{.n_expert = 6, .n_used = 2, .gating = Gating::sigmoid};
  expect_routed(routed(moe, kSigmoids, {0, 0.6f, 0, 0, 0.4f, 0}), {1, 3}, {0.25f, 0.8f});
  const MoeAttrs softmax{.n_expert = 4, .n_used = 2};
  expect_routed(routed(softmax, kTenths, {0.5f, 0, 0, 0}), {0, 3}, {0.1f, 0.4f});
}

TEST(Route, groups_are_ranked_by_their_two_best_and_others_left_out) {
  // Sums of the two best of (1/2, 1/4, 3/4), (4/5, 1/3, 2/3): 5/4 and 22/15.
  MoeAttrs moe{.n_expert = 6, .n_used = 3, .n_group = 2, .n_group_used = 1, .gating = Gating::sigmoid};
  expect_routed(routed(moe, kSigmoids), {3, 5, 4}, {0.8f, 2.0f / 3, 1.0f / 3});
  // Of (1/2, 1/4), (3/4, 4/5), (1/3, 2/3) the first has the least sum, 3/4, though its best is above the 1/3 that is chosen.
  moe.n_group = 3, moe.n_group_used = 2, moe.n_used = 4;
  expect_routed(routed(moe, kSigmoids), {3, 2, 5, 4}, {0.8f, 0.75f, 2.0f / 3, 1.0f / 3});
  // The selection bias counts for groups too: 3/4 + 1 > 1.
  moe.n_used = 3;
  expect_routed(routed(moe, kSigmoids, {1, 0, 0, 0, 0, 0}), {0, 3, 2}, {0.5f, 0.8f, 0.75f});
}

TEST(Route, a_nan_is_chosen_last) {
  const Routed actual = routed({.n_expert = 4, .n_used = 3, .gating = Gating::sigmoid}, {1, NAN, 3, 2});
  EXPECT_EQ(actual.experts, (std::vector<int32_t>{2, 3, 0}));
}

TEST(Ops, temperature_takes_whole_contexts) {
  const TemperatureAttrs plain{.beta = 0.5f, .n_ctx_orig = 10}, early{.beta = 0.5f, .n_ctx_orig = 10, .offset = 1};
  EXPECT_FLOAT_EQ(temperature_of(plain, 9), 1);
  EXPECT_FLOAT_EQ(temperature_of(early, 9), 1 + 0.5f * std::log(2.0f));
  EXPECT_FLOAT_EQ(temperature_of(plain, 29), 1 + 0.5f * std::log(3.0f));
}

TEST(Ops, xielu_is_a_parabola_above_zero_and_an_exponential_below) {
  const XieluAttrs attrs{.alpha_n = 2, .alpha_p = 3, .beta = 0.5f, .eps = -0.25f};
  EXPECT_DOUBLE_EQ(xielu(attrs, 2), 3 * 4 + 0.5 * 2);
  EXPECT_DOUBLE_EQ(xielu(attrs, -1), 2 * (std::exp(-1.0) - 1 + 1) - 0.5);
  EXPECT_NEAR(xielu(attrs, -0.125), 2 * (std::exp(-0.25) - 1 + 0.125) - 0.0625, 1e-12);  // no closer to 0 than eps
}

TEST(Ops, a_chunk_begins_at_a_multiple_of_its_size) {
  AttendAttrs at{.n_head = 1, .n_kv_head = 1, .head_dim = 1, .head_dim_v = 1, .scale = 1, .window = 8};
  EXPECT_EQ(at.first_key(3), 0);
  EXPECT_EQ(at.first_key(17), 10);
  at.is_chunked = true;
  EXPECT_EQ(at.first_key(7), 0);
  EXPECT_EQ(at.first_key(8), 8);
  EXPECT_EQ(at.first_key(17), 16);
}

}  // namespace
}  // namespace lupo
