#include "model/neighbour_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "model/gguf/writer.h"
#include "quant/checks.h"

namespace lupo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr int64_t kBillion = 1'000'000'000;

// Of a dense model's parameters and bits; so many tokens a second, 0 = nobody knows.
ModelChoice choice(const std::string& name, int64_t params, double bits, double tps) {
  const int64_t bytes = static_cast<int64_t>(static_cast<double>(params) * bits / 8);
  ModelChoice c{.path = "models/" + name + ".gguf", .architecture = "qwen3", .names = {"qwen3", "", name}, .answers = true};
  c.params_total = c.params_active = params;
  c.bits_per_weight = bits;
  c.weight_bytes = c.bytes_per_token = bytes;
  c.total_bytes = bytes + (int64_t{1} << 30);
  c.n_ctx = c.n_ctx_train = 32768;
  if (tps > 0) c.decode_tps = interval_of(tps, {0, 0.1});
  return c;
}

ModelChoice mixture(int64_t params, double tps) {
  ModelChoice c = choice("Qwen3-30B-A3B-Q4_K_M", params, 4.85, tps);
  c.is_mixture = true;
  c.params_active = params / 10;
  c.bytes_per_token /= 10;
  return c;
}

std::vector<std::string> codes(const std::vector<Finding>& findings) {
  std::vector<std::string> codes;
  for (const Finding& finding : findings) codes.push_back(finding.code);
  return codes;
}

std::vector<std::string> codes(const ModelChoice& used, std::vector<ModelChoice> others) {
  return codes(check_neighbours({.used = used, .others = std::move(others)}));
}

const ModelChoice kSmall = choice("Qwen3-4B-Q8_0", 4 * kBillion, 8.5, 24);
const ModelChoice kBig = choice("Qwen3-8B-Q4_K_M", 8 * kBillion, 4.85, 21);

TEST(BiggerFits, ASmallModelAtHighPrecisionBesideALargerOneAtQ4) {
  const std::vector<Finding> found = check_neighbours({.used = kSmall, .measured_tps = 25, .others = {kBig}});
  ASSERT_THAT(codes(found), ElementsAre("bigger-fits"));
  EXPECT_EQ(found[0].layer, Layer::model);
  EXPECT_EQ(found[0].severity, Severity::warning);
  EXPECT_EQ(found[0].gain, 0) << "it is slower";
  EXPECT_FALSE(found[0].limits);
  EXPECT_EQ(found[0].fix, "lupo run models/Qwen3-8B-Q4_K_M.gguf");
  for (const char* part : {"4.00 B parameters at 8.50 bits", "8.00 B parameters at 4.85 bits", "24 [21–27] tok/s, got 25.0",
                           "21 [18–24] tok/s", "context of 32768"})
    EXPECT_THAT(found[0].evidence, HasSubstr(part));
}

TEST(BiggerFits, OneThatIsFasterToo) {
  const std::vector<Finding> found = check_neighbours({.used = choice("Qwen3-4B-F16", 4 * kBillion, 16, 12), .others = {kBig}});
  ASSERT_THAT(codes(found), ElementsAre("bigger-fits"));
  EXPECT_NEAR(found[0].gain, 21.0 / 12 - 1, 1e-9);
  EXPECT_LT(found[0].gain_low, found[0].gain);
  EXPECT_GT(found[0].gain_high, found[0].gain);
  EXPECT_TRUE(found[0].limits);
}

TEST(BiggerFits, OfSeveralTheOneWithMostParameters) {
  const ModelChoice huge = choice("Qwen3-14B-Q4_K_M", 14 * kBillion, 4.85, 12);
  ModelChoice too_large = choice("Qwen3-32B-Q4_K_M", 32 * kBillion, 4.85, 6);
  too_large.fits = false;
  const std::vector<Finding> found = check_neighbours({.used = kSmall, .others = {kBig, huge, too_large}});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].fix, "lupo run models/Qwen3-14B-Q4_K_M.gguf");
}

TEST(BiggerFits, NotWhenOneThingIsMissing) {
  ModelChoice other = choice("Qwen3-4B-Q4_K_M", 4 * kBillion, 4.85, 21);
  EXPECT_THAT(codes(kSmall, {other}), ElementsAre("bigger-possible")) << "not bigger";
  other = choice("Qwen3-8B-Q2_K", 8 * kBillion, 2.6, 21);
  EXPECT_THAT(codes(kSmall, {other}), ElementsAre("bigger-possible")) << "too few bits";
  other = kBig;
  other.architecture = "llama";
  other.names.family = "llama3";
  EXPECT_THAT(codes(kSmall, {other}), ElementsAre("bigger-possible")) << "another family";
  EXPECT_FALSE(is_alternative(kSmall, other));
  other = kBig;
  other.answers = false;
  EXPECT_FALSE(is_alternative(kSmall, other)) << "a base model";
  other = choice("Qwen3-32B-Q4_K_M", 32 * kBillion, 4.85, 4);
  EXPECT_THAT(codes(kSmall, {other}), ElementsAre("bigger-possible")) << "slower than one reads";
  EXPECT_THAT(codes(choice("Qwen3-4B-Q6_K", 4 * kBillion, 6.56, 30), {kBig}), IsEmpty()) << "no high precision";
}

TEST(BiggerFits, OfTheArchitectureAloneIsInformation) {
  ModelChoice other = kBig;
  other.names.family = "another";
  const std::vector<Finding> found = check_neighbours({.used = kSmall, .others = {other}});
  ASSERT_THAT(codes(found), ElementsAre("bigger-fits"));
  EXPECT_EQ(found[0].severity, Severity::info);
}

TEST(BiggerFits, ByBytesWhereNoSpeedIsKnown) {
  const ModelChoice used = choice("a", 4 * kBillion, 8.5, 0);
  const std::vector<Finding> found =
      check_neighbours({.used = used, .measured_tps = 25, .others = {choice("b", 8 * kBillion, 4.85, 0)}});
  ASSERT_THAT(codes(found), ElementsAre("bigger-fits"));
  EXPECT_EQ(found[0].gain, 0);
  EXPECT_THAT(found[0].evidence, HasSubstr("reads 4.52 GiB for a token"));
  const ModelChoice slow = choice("c", 40 * kBillion, 4.85, 0);
  EXPECT_THAT(codes(check_neighbours({.used = used, .measured_tps = 25, .others = {slow}})), ElementsAre("bigger-possible"));
}

TEST(BiggerFits, TheCommandHasTheContextThatWasPlanned) {
  ModelChoice other = kBig;
  other.path = "my models/Qwen3 8B.gguf";
  other.n_ctx = 4096;
  EXPECT_EQ(check_neighbours({.used = kSmall, .others = {other}})[0].fix, "lupo run 'my models/Qwen3 8B.gguf' --ctx 4096");
}

const ModelChoice kDense = choice("Qwen3-32B-Q4_K_M", 32 * kBillion, 4.85, 4);

TEST(MoeFaster, BesideASlowDenseModel) {
  const ModelChoice other = mixture(30 * kBillion, 25);
  const std::vector<Finding> found = check_neighbours({.used = kDense, .measured_tps = 4.1, .others = {other}});
  ASSERT_THAT(codes(found), ElementsAre("moe-faster"));
  EXPECT_EQ(found[0].severity, Severity::warning);
  EXPECT_TRUE(found[0].limits);
  EXPECT_NEAR(found[0].gain, 25.0 / 4 - 1, 1e-9);
  EXPECT_NEAR(1 + found[0].gain_high, 25.0 / 4 * std::exp(1.2816 * 0.1 * std::sqrt(2)), 1e-6);
  EXPECT_EQ(found[0].fix, "lupo run models/Qwen3-30B-A3B-Q4_K_M.gguf");
  EXPECT_THAT(found[0].what, HasSubstr("nearly as large"));
  EXPECT_THAT(found[0].evidence, HasSubstr("30.00 B parameters (3.00 B take part in a token)"));
}

TEST(MoeFaster, NotWhenOneThingIsMissing) {
  const ModelChoice other = mixture(30 * kBillion, 25);
  ModelChoice fast = kDense;
  fast.decode_tps = interval_of(21, {0, 0.1});
  EXPECT_THAT(codes(fast, {mixture(30 * kBillion, 100)}), IsEmpty()) << "fast enough";
  EXPECT_THAT(codes(check_neighbours({.used = fast, .is_memory_bound = true, .others = {mixture(30 * kBillion, 100)}})),
              ElementsAre("moe-faster"))
      << "but memory is its limit";
  EXPECT_THAT(codes(kDense, {mixture(20 * kBillion, 25)}), IsEmpty()) << "much smaller";
  EXPECT_THAT(codes(kDense, {mixture(30 * kBillion, 5)}), IsEmpty()) << "hardly faster";
  ModelChoice no_room = other;
  no_room.fits = false;
  EXPECT_THAT(codes(kDense, {no_room}), IsEmpty());
  EXPECT_FALSE(is_alternative(kDense, no_room));
  ModelChoice is_one = kDense;
  is_one.is_mixture = true;
  EXPECT_FALSE(is_alternative(is_one, other));
  EXPECT_THAT(codes(is_one, {other}), IsEmpty());
}

TEST(MoeFaster, ByBytesThereIsNoGain) {
  ModelChoice used = kDense, other = mixture(30 * kBillion, 0);
  used.decode_tps.reset();
  const std::vector<Finding> found = check_neighbours({.used = used, .measured_tps = 4, .others = {other}});
  ASSERT_THAT(codes(found), ElementsAre("moe-faster"));
  EXPECT_EQ(found[0].gain, 0);
  EXPECT_EQ(found[0].gain_high, 0);
}

TEST(Alone, WhatTheBytesWouldHold) {
  const std::vector<Finding> bigger = check_neighbours({.used = kSmall, .measured_tps = 24});
  ASSERT_THAT(codes(bigger), ElementsAre("bigger-possible"));
  EXPECT_THAT(bigger[0].what, HasSubstr("7.01 B parameters"));  // 4 · 8.5 / 4.85
  EXPECT_FALSE(bigger[0].limits);
  const std::vector<Finding> faster = check_neighbours({.used = kDense, .measured_tps = 4.1});
  ASSERT_THAT(codes(faster), ElementsAre("mixture-possible"));
  EXPECT_THAT(faster[0].what, HasSubstr("up to 41 tok/s"));
  EXPECT_THAT(codes(choice("tiny", 100'000, 16, 1000), {}), IsEmpty()) << "so little memory is no matter";
  EXPECT_THAT(codes({}, {}), IsEmpty());
}

TEST(Narrower, TheSameModelNearestToQ4KM) {
  ModelChoice used = choice("Qwen3-4B-F16", 4 * kBillion, 16, 12);
  ModelChoice q4 = choice("a", 4 * kBillion, 4.9, 33), q8 = choice("b", 4 * kBillion, 8.5, 22),
              q2 = choice("c", 4 * kBillion, 2.6, 40);
  for (ModelChoice* c : {&used, &q4, &q8, &q2}) c->names.stem = "qwen34b";
  const auto narrower = narrower_at_hand({.used = used, .others = {q8, q4, q2}});
  ASSERT_TRUE(narrower);
  EXPECT_EQ(narrower->fix, "lupo run models/a.gguf");
  EXPECT_NEAR(narrower->gain, 33.0 / 12 - 1, 1e-9);
  EXPECT_FALSE(narrower_at_hand({.used = q4, .others = {used, q8, q2}}));
  const std::vector<Finding> wide = check_quantization({{{Type::f16, int64_t{8} << 30}}, 0, narrower}, "m.gguf");
  ASSERT_THAT(codes(wide), ElementsAre("wide-weights"));
  EXPECT_EQ(wide[0].fix, "lupo run models/a.gguf");
  EXPECT_THAT(wide[0].evidence, HasSubstr("a.gguf: 4.00 B parameters at 4.90 bits"));
  EXPECT_DOUBLE_EQ(wide[0].gain_low, narrower->gain_low);
  // Bytes would promise much, but the very file is predicted to gain nothing here.
  EXPECT_THAT(check_quantization({{{Type::f16, int64_t{8} << 30}}, 0, NarrowerFile{"", "", 0.1}}, "m.gguf"), IsEmpty());
  q4.names = {"qwen3", "anothertitle", "another"};
  EXPECT_FALSE(narrower_at_hand({.used = used, .others = {q4}})) << "another model of that size";
  q4.names.title = used.names.title = "qwen34binstruct";
  EXPECT_TRUE(narrower_at_hand({.used = used, .others = {q4}}));
}

TEST(Names, FamiliesWithoutSizeAndQuantization) {
  const auto family = [](const char* name, const char* basename, const char* path) {
    gguf::Writer writer;
    if (name) writer.set("general.name", name);
    if (basename) writer.set("general.basename", basename);
    const auto file = gguf::File::from_bytes(*writer.to_bytes(), "m.gguf");
    EXPECT_TRUE(file) << file.error().what;
    return names_of(file->metadata(), path).family;
  };
  EXPECT_EQ(family(nullptr, nullptr, "a/Qwen2.5-0.5B-Instruct-Q8_0.gguf"), "qwen25");
  EXPECT_EQ(family("Qwen2.5 7B Instruct", nullptr, "x.gguf"), "qwen25");
  EXPECT_EQ(family("a name of its own", "Qwen2.5", "x.gguf"), "qwen25");
  EXPECT_EQ(family("Qwen2.5 Coder 7B", nullptr, "x.gguf"), "qwen25coder");
  const ModelNames q8 = names_of({}, "Qwen3-4B-Instruct-2507-Q8_0.gguf"), q4 = names_of({}, "Qwen3-4B-Instruct-2507.q4_k_m.gguf");
  EXPECT_EQ(q8.stem, q4.stem);
  EXPECT_THAT(q8.stem, Not(names_of({}, "Qwen3-4B-Thinking-2507-Q8_0.gguf").stem));
}

}  // namespace
}  // namespace lupo
