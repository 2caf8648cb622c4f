// The state of a slot over all architectures: sequences in one batch do not see each other, a saved state goes on as the one it
// was saved of, and a session goes back only as far as its states can.
#include "arch_golden.h"
#include "model/gguf/writer.h"
#include "runtime/session/session.h"

namespace lupo {
namespace {

class State : public Golden {};
using Ids = std::vector<int32_t>;

Ids part(const Ids& ids, size_t begin, size_t end) { return {ids.begin() + begin, ids.begin() + end}; }

std::vector<float> row_of(std::span<const float> logits) { return {logits.begin(), logits.end()}; }

bool has_fixed_state(const Engine& engine) { return engine.plan().bytes.state > 0; }

TEST_P(State, sequences_of_a_batch_equal_each_alone) {
  const std::array<Ids, 2> ids = {ids_, Ids(ids_.rbegin(), ids_.rbegin() + 31)};
  for (const char* backend : kBackends) {
    auto together = load(*model_, backend, 64, 24, Type::f32, 2);
    ASSERT_TRUE(together) << together.error().what;
    std::array<std::vector<std::vector<float>>, 2> rows, expected;
    for (size_t s : {0, 1}) {
      auto alone = load(*model_, backend, 64, 40);
      ASSERT_TRUE(alone) << alone.error().what;
      expected[s] = run(**alone, ids[s], 40);
    }
    for (const auto& [first, second] : {std::pair{16, 5}, {0, 7}, {7, 1}, {1, 16}, {16, 2}}) {
      Ids tokens;
      std::vector<StepSequence> sequences;
      for (const auto& [s, n] : {std::pair<size_t, int>{1, second}, {0, first}}) {  // slots in any order
        const size_t at = rows[s].size();
        if (n == 0) continue;
        sequences.push_back({static_cast<int32_t>(s), n, static_cast<int64_t>(at)});
        tokens.insert(tokens.end(), ids[s].begin() + at, ids[s].begin() + at + n);
      }
      Ids outputs(tokens.size());
      std::iota(outputs.begin(), outputs.end(), 0);
      const Result<void> ran = (*together)->run({tokens, sequences, outputs});
      ASSERT_TRUE(ran) << ran.error().what;
      int64_t row = 0;
      for (const StepSequence& sequence : sequences)
        for (int32_t i = 0; i < sequence.n_tokens; ++i)
          rows[static_cast<size_t>(sequence.slot)].push_back(row_of((*together)->logits(row++)));
    }
    for (size_t s : {0, 1}) {
      ASSERT_EQ(rows[s].size(), ids[s].size());
      for (size_t i = 0; i < rows[s].size(); ++i)
        EXPECT_LT(worst_difference(rows[s][i], expected[s][i]), tolerance()) << backend << " sequence " << s << " position " << i;
    }
  }
}

TEST_P(State, a_restored_state_goes_on_exactly) {
  for (const char* backend : kBackends) {
    auto first = load(*model_, backend, 64, 16, Type::f16), second = load(*model_, backend, 64, 16, Type::f16, 2);
    ASSERT_TRUE(first && second);
    Session session(**first), restored(**second, 1);
    ASSERT_TRUE(session.sync(part(ids_, 0, 20)));
    const std::vector<std::byte> saved = session.save();
    const Result<void> done = restored.restore(saved);
    ASSERT_TRUE(done) << done.error().what;
    EXPECT_EQ(restored.tokens(), session.tokens());
    EXPECT_EQ(restored.save(), saved);
    for (size_t i = 20; i < ids_.size(); ++i) {
      ASSERT_TRUE(session.append(ids_[i]));
      ASSERT_TRUE(restored.append(ids_[i]));
      ASSERT_EQ(row_of(restored.logits()), row_of(session.logits())) << backend << " position " << i;
    }
  }
}

// After any detour a session gives what a new one gives.
TEST_P(State, a_session_goes_back_as_far_as_its_states_can) {
  for (const char* backend : kBackends) {
    auto engine = load(*model_, backend, 64, 16), fresh = load(*model_, backend, 64, 16);
    ASSERT_TRUE(engine && fresh);
    Session session(**engine);
    const Ids prompt = part(ids_, 0, 12), longer = part(ids_, 0, 22);
    Ids edited = longer, other = longer, short_one = part(ids_, 0, 8);
    edited[20] ^= 1;
    other[14] ^= 1;
    struct Turn {
      Ids tokens;
      int64_t reused, reused_of_fixed;  // that of states that can go back, and of those that cannot
    };
    const std::vector<Turn> turns = {{prompt, 0, 0},   {longer, 15, 15}, {longer, 21, 21},
                                     {edited, 20, 11}, {other, 14, 11},  {short_one, 7, 0}};
    for (size_t i = 0; i < turns.size(); ++i) {
      const auto stats = session.sync(turns[i].tokens);
      ASSERT_TRUE(stats) << stats.error().what;
      const bool rings =
          std::ranges::any_of((*engine)->graph().tensors, [](const Tensor& t) { return t.policy == StatePolicy::ring; });
      const int64_t reused = has_fixed_state(**engine) ? turns[i].reused_of_fixed : turns[i].reused;
      EXPECT_TRUE(rings || stats->n_reused == reused) << "turn " << i << ": " << stats->n_reused << " of " << reused;
      Session alone(**fresh);
      ASSERT_TRUE(alone.sync(turns[i].tokens));
      EXPECT_LT(worst_difference(row_of(session.logits()), row_of(alone.logits())), tolerance()) << backend << " turn " << i;
      for (size_t at = 12; i == 0 && at < 15; ++at) ASSERT_TRUE(session.append(ids_[at]));  // the next prompt repeats this answer
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tiny, State, testing::ValuesIn(golden_names()), golden_test_name);

Result<Model> open(const std::string& name) { return Model::open(kGoldens / (name + ".gguf")); }

TEST(SavedState, of_another_model_or_damaged_is_an_error) {
  const auto qwen = open("qwen35"), llama = open("llama");
  ASSERT_TRUE(qwen && llama);
  auto engine = load(*qwen, "cpu", 64, 16), other = load(*llama, "cpu", 64, 16),
       other_type = load(*qwen, "cpu", 64, 16, Type::f16), too_short = load(*qwen, "cpu", 8, 8);
  ASSERT_TRUE(engine && other && other_type && too_short);
  Session session(**engine);
  ASSERT_TRUE(session.sync(Ids{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  std::vector<std::byte> saved = session.save();
  for (const auto& target : {&other, &other_type, &too_short}) {
    const Result<void> restored = Session(***target).restore(saved);
    ASSERT_FALSE(restored);
    EXPECT_EQ(restored.error().code, "other-state") << restored.error().what;
  }
  EXPECT_FALSE(session.restore(std::span(saved).first(10)));
  EXPECT_FALSE(session.restore(std::span(saved).first(saved.size() - 1)));
  saved[0] ^= std::byte{1};
  EXPECT_FALSE(session.restore(saved));
  EXPECT_EQ(session.tokens().size(), 10u) << "a refused restore changes nothing";
}

TEST(SavedState, of_another_training_of_the_same_model_is_an_error) {
  const auto file = gguf::File::open(kGoldens / "llama.gguf");
  ASSERT_TRUE(file) << file.error().what;
  const std::string_view changed = "blk.1.ffn_up.weight";
  std::vector<std::byte> data;
  gguf::Writer writer;
  for (const auto& [key, value] : file->metadata().entries()) writer.set(key, value);
  for (const gguf::TensorInfo& tensor : file->tensors()) {
    std::span<const std::byte> bytes{tensor.data, static_cast<size_t>(tensor.bytes)};
    if (tensor.name == changed) {
      data.assign(bytes.begin(), bytes.end());
      data[0] ^= std::byte{1};
      bytes = data;
    }
    const auto dim = std::span(tensor.dim).first(static_cast<size_t>(tensor.n_dims));
    ASSERT_TRUE(writer.add_tensor(tensor.name, tensor.type, dim, bytes));
  }
  auto bytes = writer.to_bytes();
  ASSERT_TRUE(bytes) << bytes.error().what;
  auto tuned_file = gguf::File::from_bytes(std::move(*bytes), "tuned");
  ASSERT_TRUE(tuned_file) << tuned_file.error().what;
  const auto model = open("llama"), tuned = Model::from_file(std::move(*tuned_file));
  ASSERT_TRUE(model && tuned);
  auto engine = load(*model, "cpu", 64, 16), other = load(*tuned, "cpu", 64, 16);
  ASSERT_TRUE(engine && other);
  Session session(**engine);
  ASSERT_TRUE(session.sync(Ids{1, 2, 3}));
  const Result<void> restored = Session(**other).restore(session.save());
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().code, "other-state") << restored.error().what;
}

// A step that is refused half-way leaves a state that cannot go back: nothing of it may be kept.
TEST(SavedState, a_failed_step_is_forgotten) {
  const auto model = open("mamba2");
  ASSERT_TRUE(model);
  auto engine = load(*model, "cpu", 64, 4);
  ASSERT_TRUE(engine);
  Session session(**engine);
  ASSERT_TRUE(session.sync(Ids{1, 2, 3, 4, 5, 6}));
  EXPECT_FALSE(session.append(9999));
  EXPECT_TRUE(session.tokens().empty());
}

}  // namespace
}  // namespace lupo
