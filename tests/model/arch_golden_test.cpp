// Every architecture against logits from outside, on tiny random models; see tests/goldens/arch/make_arch_goldens.py.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "model/goldens.h"
#include "model/model.h"
#include "runtime/backend/cpu/cpu_backend.h"
#include "runtime/runtime.h"

namespace lupo {
namespace {

Result<std::unique_ptr<Engine>> load(const Model& model, const std::string& backend, int64_t n_ctx, int64_t n_batch,
                                     Type kv = Type::f32) {
  return Engine::load(
      model, Machine{},
      {.backend = backend, .n_ctx = n_ctx, .n_batch = n_batch, .n_outputs = n_batch, .k_type = kv, .v_type = kv, .n_threads = 2});
}

// Logits [n_tokens][V] of ids run in chunks of at most `chunk`.
std::vector<std::vector<float>> run(Engine& engine, const std::vector<int32_t>& ids, size_t chunk) {
  std::vector<std::vector<float>> rows;
  for (size_t at = 0; at < ids.size(); at += chunk) {
    const size_t count = std::min(chunk, ids.size() - at);
    std::vector<int32_t> outputs(count);
    std::iota(outputs.begin(), outputs.end(), 0);
    const StepSequence sequence{0, static_cast<int32_t>(count), static_cast<int64_t>(at)};
    const Result<void> ran = engine.run({std::span(ids).subspan(at, count), {&sequence, 1}, outputs});
    EXPECT_TRUE(ran) << ran.error().what;
    for (size_t i = 0; i < count; ++i)
      rows.emplace_back(engine.logits(static_cast<int64_t>(i)).begin(), engine.logits(static_cast<int64_t>(i)).end());
  }
  return rows;
}

class ArchGolden : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    golden_ = golden(GetParam());
    ids_ = golden_["ids"].get<std::vector<int32_t>>();
    auto model = Model::open(kGoldens / (GetParam() + ".gguf"));
    ASSERT_TRUE(model) << model.error().what;
    model_.emplace(std::move(*model));
  }
  // F32 weights: nothing is rounded but the sums, except by the reference's GELU, which it looks up in a table of halves. With
  // other weights the cpu backend rounds activations to 16 bits.
  double tolerance() const { return golden_.value("rounds", false) ? 3e-3 : golden_.value("gelu", false) ? 1e-2 : 5e-4; }

  nlohmann::json golden_;
  std::vector<int32_t> ids_;
  std::optional<Model> model_;
};

TEST_P(ArchGolden, logits_equal_the_reference) {
  for (const char* backend : kBackends) {
    auto engine = load(*model_, backend, 64, 40);
    ASSERT_TRUE(engine) << engine.error().what;
    const auto rows = run(**engine, ids_, 40);
    for (const auto& [position, expected] : golden_["logits"].items())
      EXPECT_LT(worst_difference(rows[std::stoul(position)], expected.get<std::vector<float>>()), tolerance())
          << backend << " position " << position;
  }
}

TEST_P(ArchGolden, chunks_equal_one_batch) {
  for (const char* backend : kBackends) {
    auto whole = load(*model_, backend, 64, 40);
    ASSERT_TRUE(whole) << whole.error().what;
    const auto expected = run(**whole, ids_, 40);
    for (size_t chunk : {1, 3, 7, 16}) {
      auto engine = load(*model_, backend, 64, 16);  // a small batch also makes the window's ring small
      ASSERT_TRUE(engine) << engine.error().what;
      const auto rows = run(**engine, ids_, chunk);
      for (size_t i = 0; i < rows.size(); ++i)
        EXPECT_LT(worst_difference(rows[i], expected[i]), tolerance()) << backend << " chunk " << chunk << " position " << i;
    }
  }
}

TEST_P(ArchGolden, planned_bytes_equal_allocated_bytes) {
  for (const char* backend : kBackends)
    for (int64_t n_batch : {1, 7, 40}) {
      auto engine = load(*model_, backend, 64, n_batch, Type::f16);
      ASSERT_TRUE(engine) << engine.error().what;
      EXPECT_EQ((*engine)->plan().bytes, (*engine)->program().allocated());
      const auto planned = preview(*model_, Machine{},
                                   {.backend = backend, .n_ctx = 64, .n_batch = n_batch, .n_outputs = n_batch, .n_threads = 2});
      ASSERT_TRUE(planned) << planned.error().what;
      EXPECT_EQ(planned->plan.bytes, (*engine)->program().allocated());
    }
}

// Arenas come straight from the system: what malloc gave is what a program keeps beside its plan.
int64_t heap_bytes_of(const Model& model, const std::string& backend, int64_t n_ctx, const std::vector<int32_t>& ids) {
  const auto in_use = [] {
    const auto info = mallinfo2();
    return static_cast<int64_t>(info.uordblks + info.hblkhd);
  };
  const int64_t before = in_use();
  const auto engine = load(model, backend, n_ctx, n_ctx, Type::f16);
  if (!engine) return ADD_FAILURE() << engine.error().what, -1;
  const StepSequence sequence{0, static_cast<int32_t>(ids.size()), 0};
  const int32_t last = static_cast<int32_t>(ids.size()) - 1;
  const Result<void> ran = (*engine)->run({ids, {&sequence, 1}, {&last, 1}});
  EXPECT_TRUE(ran) << ran.error().what;
  return in_use() - before;
}

TEST_P(ArchGolden, nothing_beside_the_plan_grows_with_context_or_batch) {
  for (const char* backend : kBackends) {
    heap_bytes_of(*model_, backend, 64, ids_);  // what is set up once in a process
    const int64_t small = heap_bytes_of(*model_, backend, 64, ids_), large = heap_bytes_of(*model_, backend, 2048, ids_);
    EXPECT_LT(large, small + 4096) << backend << ": a cell or a token more would be 2000 times its bytes";
  }
}

INSTANTIATE_TEST_SUITE_P(Tiny, ArchGolden, testing::ValuesIn(golden_names("logits")),
                         [](const auto& info) { return test_name(info.param); });

TEST(ArchGoldens, every_architecture_has_one) {
  std::set<std::string> with_golden;
  for (const std::string& name : golden_names("architecture")) with_golden.insert(golden(name)["architecture"]);
  for (const Arch* arch : all_archs())
    EXPECT_TRUE(with_golden.contains(std::string(arch->name))) << arch->name << " has no golden in tests/goldens/arch";
}

}  // namespace
}  // namespace lupo
