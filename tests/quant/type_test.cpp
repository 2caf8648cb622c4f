#include "quant/type.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <vector>

namespace lupo {
namespace {

TEST(Type, EveryIdOfTheFormatIsKnownAndNoOther) {
  const std::set<int64_t> removed{4, 5, 31, 32, 33, 36, 37, 38};
  for (int64_t id = 0; id <= 42; ++id) {
    const TypeInfo* info = find_type(id);
    ASSERT_EQ(info == nullptr, removed.contains(id)) << id;
    if (!info) continue;
    EXPECT_EQ(static_cast<int64_t>(info->id), id);
  }
  for (int64_t id : {int64_t{-1}, int64_t{43}, int64_t{1} << 32, INT64_MAX, INT64_MIN}) EXPECT_EQ(find_type(id), nullptr) << id;
  EXPECT_EQ(all_types().size(), 35u);
}

TEST(Type, IsFoundByNameInAnyCase) {
  for (const TypeInfo& info : all_types()) {
    EXPECT_EQ(find_type(info.name), &type_info(info.id)) << info.name;
    EXPECT_TRUE(info.to_float) << info.name;
  }
  EXPECT_EQ(find_type("q4_k")->id, Type::q4_k);
  EXPECT_EQ(find_type("iq2_XXS")->id, Type::iq2_xxs);
  EXPECT_EQ(find_type("Q4"), nullptr);
  EXPECT_EQ(find_type("Q4_K_M"), nullptr);
  EXPECT_EQ(find_type(""), nullptr);
}

TEST(Type, RowBytes) {
  EXPECT_EQ(row_bytes(Type::f32, 100), 400);
  EXPECT_EQ(row_bytes(Type::q6_k, 1024), 840);
  EXPECT_EQ(row_bytes(Type::q4_0, 64), 36);
}

// What no scale can express must not come out as a plausible number. MXFP4 has no code that could say so.
TEST(Type, NotFiniteIsNotHiddenByAnEncoder) {
  for (const TypeInfo& info : all_types()) {
    if (!info.from_float || info.id == Type::mxfp4) continue;
    const std::size_t n = static_cast<std::size_t>(info.block_elements);
    for (std::size_t at : {std::size_t{0}, n / 2, n - 1}) {
      for (float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        std::vector<float> x(n, 0.5f), y(n);
        x[at] = value;
        std::vector<uint8_t> block(static_cast<std::size_t>(info.block_bytes));
        info.from_float(x.data(), nullptr, block.data(), info.block_elements);
        info.to_float(block.data(), y.data(), info.block_elements);
        EXPECT_FALSE(std::isfinite(y[at])) << info.name << " at " << at << ": " << value << " became " << y[at];
      }
    }
  }
}

}  // namespace
}  // namespace lupo
