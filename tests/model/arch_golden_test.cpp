// Every architecture against logits from outside, on tiny random models; see tests/goldens/arch/make_arch_goldens.py.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <set>

#include "arch_golden.h"

namespace lupo {
namespace {

class ArchGolden : public Golden {};

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

INSTANTIATE_TEST_SUITE_P(Tiny, ArchGolden, testing::ValuesIn(golden_names()), golden_test_name);

TEST(ArchGoldens, every_architecture_has_one) {
  std::set<std::string> with_golden;
  for (const std::string& name : golden_names("architecture")) with_golden.insert(golden(name)["architecture"]);
  for (const Arch* arch : all_archs())
    EXPECT_TRUE(with_golden.contains(std::string(arch->name))) << arch->name << " has no golden in tests/goldens/arch";
}

}  // namespace
}  // namespace lupo
