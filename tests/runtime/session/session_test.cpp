// Session: what of the cache is reused. A ring keeps the window alone, so that a prefix whose window is gone must be run again.
#include "runtime/session/session.h"

#include <gtest/gtest.h>

#include "model/arch_goldens.h"

namespace lupo {
namespace {

constexpr int64_t kContext = 128, kBatch = 8, kWindow = 12;  // the golden's window
constexpr int64_t kDeepest = 100, kOldest = kDeepest - (kWindow + kBatch);

class SessionOnRing : public testing::Test {
 protected:
  void SetUp() override {
    auto model = Model::open(kGoldens / "gemma3.gguf");
    ASSERT_TRUE(model) << model.error().what;
    model_.emplace(std::move(*model));
    for (int32_t i = 0; i < kContext; ++i) ids_.push_back(i * 37 % 96);
  }
  std::unique_ptr<Engine> engine() {
    auto engine = load(*model_, "ref", kContext, kBatch);
    EXPECT_TRUE(engine) << engine.error().what;
    return engine ? std::move(*engine) : nullptr;
  }
  // The first n ids and one that is not theirs.
  std::vector<int32_t> branch(int64_t n) const {
    std::vector<int32_t> tokens(ids_.begin(), ids_.begin() + n);
    tokens.push_back((ids_[static_cast<size_t>(n)] + 1) % 96);
    return tokens;
  }

  std::optional<Model> model_;
  std::vector<int32_t> ids_;
};

TEST_F(SessionOnRing, a_prefix_is_reused_while_its_window_is_there) {
  // The query after n tokens sees back to n − window + 1.
  const int64_t first_kept = kOldest + kWindow - 1;
  for (int64_t n : {int64_t{5}, first_kept - 1, first_kept, kDeepest - 1}) {
    const auto reused = engine(), fresh = engine();
    ASSERT_TRUE(reused && fresh);
    Session session(*reused), other(*fresh);
    ASSERT_TRUE(session.sync(std::span(ids_).first(kDeepest)));
    const std::vector<int32_t> tokens = branch(n);
    const auto stats = session.sync(tokens);
    ASSERT_TRUE(stats) << stats.error().what;
    EXPECT_EQ(stats->n_reused, n < first_kept ? 0 : n);
    ASSERT_TRUE(other.sync(tokens));
    EXPECT_LT(
        worst_difference({session.logits().begin(), session.logits().end()}, {other.logits().begin(), other.logits().end()}),
        1e-5)
        << n;
  }
}

TEST_F(SessionOnRing, what_was_written_deeper_counts_after_going_back) {
  const auto reused = engine(), fresh = engine();
  ASSERT_TRUE(reused && fresh);
  Session session(*reused), other(*fresh);
  ASSERT_TRUE(session.sync(std::span(ids_).first(kDeepest)));
  ASSERT_TRUE(session.sync(branch(95)));  // 96 tokens, but cells of 100 were written
  const auto stats = session.sync(branch(90));
  ASSERT_TRUE(stats) << stats.error().what;
  EXPECT_EQ(stats->n_reused, 0);
  ASSERT_TRUE(other.sync(branch(90)));
  EXPECT_LT(worst_difference({session.logits().begin(), session.logits().end()}, {other.logits().begin(), other.logits().end()}),
            1e-5);
}

TEST_F(SessionOnRing, without_a_ring_every_prefix_is_reused) {
  auto engine = load(*model_, "ref", kContext, kContext);  // a batch that takes the whole context
  ASSERT_TRUE(engine) << engine.error().what;
  Session session(**engine);
  ASSERT_TRUE(session.sync(std::span(ids_).first(kDeepest)));
  const auto stats = session.sync(branch(5));
  ASSERT_TRUE(stats) << stats.error().what;
  EXPECT_EQ(stats->n_reused, 5);
}

}  // namespace
}  // namespace lupo
