// Every type times every instruction set that runs here, against exact products of the decoded weights.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "quant/tolerance.h"
#include "runtime/backend/cpu/isa.h"
#include "runtime/backend/matmul_data.h"

namespace lupo::cpu {
namespace {

constexpr float kUntouched = 12345;

struct Case {
  int64_t rows, k, n_tokens;
};

// Sums in floats: one rounding a group and a few in scales and minima for coded types, one a value for the others.
double tolerance(const MatmulKernels& kernels, int64_t k, double sum_abs) {
  return float_dot_tolerance(kernels.quantizes ? k / 16 + 16 : k + 2, sum_abs);
}

class MatmulTest : public testing::TestWithParam<const TypeInfo*> {
 protected:
  const TypeInfo& type() const { return *GetParam(); }

  // Multiplies rows 1 … rows of a weight and looks at every result and at the cells around them.
  void check(const Kernels& isa, const Case& c) {
    SCOPED_TRACE(testing::Message() << isa.name << " rows " << c.rows << " K " << c.k << " T " << c.n_tokens);
    const int64_t row_begin = c.rows > 2 ? 1 : 0, stride = c.rows + 3;
    const MatmulKernels kernels = isa.matmul.find(type().id);
    const Aligned<std::byte> weight = random_blocks(type(), c.rows * c.k / type().block_elements, random_);
    const Aligned<float> x = random_floats(c.k * c.n_tokens, random_);
    OwnedRows quantized(c.k, c.n_tokens);
    Aligned<float> effective = x;
    if (kernels.quantizes) {
      for (int64_t t = 0; t < c.n_tokens; ++t) {
        isa.matmul.quantize(x.data() + t * c.k, quantized.view(), t);
        std::ranges::copy(ReferenceRow(row_of(x, c.k, t)).values(), effective.begin() + t * c.k);
      }
    }
    std::vector<float> y(static_cast<size_t>(stride * c.n_tokens), kUntouched);
    Aligned<std::byte> scratch(static_cast<size_t>(isa.matmul.scratch_bytes(c.k)));
    kernels.multiply({weight.data(), type().id, c.k}, row_begin, c.rows, {x.data(), quantized.view(), c.n_tokens}, y.data(),
                     stride, scratch.data());
    std::vector<float> row(static_cast<size_t>(c.k));
    for (int64_t r = 0; r < stride; ++r) {
      const bool is_written = r >= row_begin && r < c.rows;
      if (is_written) type().to_float(weight.data() + r * row_bytes(type().id, c.k), row.data(), c.k);
      for (int64_t t = 0; t < c.n_tokens; ++t) {
        const float got = y[static_cast<size_t>(r + t * stride)];
        if (!is_written) {
          ASSERT_EQ(got, kUntouched) << "row " << r << " token " << t;
          continue;
        }
        const Product expected = exact_product(row, row_of(effective, c.k, t));
        ASSERT_NEAR(got, expected.value, tolerance(kernels, c.k, expected.sum_abs)) << "row " << r << " token " << t;
      }
    }
  }

  static std::span<const float> row_of(const Aligned<float>& x, int64_t k, int64_t t) {
    return std::span(x).subspan(static_cast<size_t>(t * k), static_cast<size_t>(k));
  }

  int64_t whole_blocks(int64_t k) const {
    return (k + type().block_elements - 1) / type().block_elements * type().block_elements;
  }

  std::mt19937 random_{20261122};
};

TEST_P(MatmulTest, AgreesWithExactProducts) {
  const int64_t block = type().block_elements;
  // K: one block, an odd number of them, and the widths of real models, which leave a short last chunk or panel.
  const std::set<int64_t> widths{block, 3 * block, whole_blocks(576), whole_blocks(896)};
  for (const Kernels* isa : supported_kernels()) {
    for (int64_t k : widths) {
      for (int64_t n_tokens : {1, 2, 3, 4, 5, 8, 9, 13}) check(*isa, {n_tokens % 2 ? 33 : 7, k, n_tokens});
    }
    for (int64_t rows : {1, 2, 31, 64, 100}) {
      check(*isa, {rows, whole_blocks(576), 1});
      check(*isa, {rows, whole_blocks(576), 10});
    }
    check(*isa, {9, whole_blocks(4864), 1});
    check(*isa, {9, whole_blocks(4864), 16});
    check(*isa, {9, 3 * block, 33});
    check(*isa, {9, block, 130});
  }
}

TEST_P(MatmulTest, StaysNearTheProductOfUnroundedActivations) {
  const int64_t k = whole_blocks(896), rows = 16, n_tokens = 9;
  for (const Kernels* isa : supported_kernels()) {
    const MatmulKernels kernels = isa->matmul.find(type().id);
    const Aligned<std::byte> weight = random_blocks(type(), rows * k / type().block_elements, random_);
    const Aligned<float> x = random_floats(k * n_tokens, random_);
    OwnedRows quantized(k, n_tokens);
    if (kernels.quantizes) {
      for (int64_t t = 0; t < n_tokens; ++t) isa->matmul.quantize(x.data() + t * k, quantized.view(), t);
    }
    std::vector<float> y(static_cast<size_t>(rows * n_tokens));
    Aligned<std::byte> scratch(static_cast<size_t>(isa->matmul.scratch_bytes(k)));
    kernels.multiply({weight.data(), type().id, k}, 0, rows, {x.data(), quantized.view(), n_tokens}, y.data(), rows,
                     scratch.data());
    std::vector<float> row(static_cast<size_t>(k));
    for (int64_t r = 0; r < rows; ++r) {
      type().to_float(weight.data() + r * row_bytes(type().id, k), row.data(), k);
      const double mean_square = std::inner_product(row.begin(), row.end(), row.begin(), 0.0) / static_cast<double>(k);
      for (int64_t t = 0; t < n_tokens; ++t) {
        const std::span activations = row_of(x, k, t);
        const Product expected = exact_product(row, activations);
        const double amax = std::abs(*std::ranges::max_element(activations, {}, [](float v) { return std::abs(v); }));
        ASSERT_NEAR(y[static_cast<size_t>(r + t * rows)], expected.value,
                    int8_dot_tolerance(k, std::sqrt(mean_square), amax) + tolerance(kernels, k, expected.sum_abs))
            << isa->name << " row " << r << " token " << t;
      }
    }
  }
}

// The weight ends where its page ends, and the next page cannot be read: the last tensor of a mapped file.
TEST_P(MatmulTest, ReadsNothingBehindTheWeight) {
  const int64_t rows = 3, page = sysconf(_SC_PAGESIZE);
  for (int64_t k : {int64_t{type().block_elements}, int64_t{3 * type().block_elements}, whole_blocks(896)}) {
    const Aligned<std::byte> weight = random_blocks(type(), rows * k / type().block_elements, random_);
    const int64_t bytes = static_cast<int64_t>(weight.size()), mapped = (bytes + page - 1) / page * page;
    void* memory = mmap(nullptr, static_cast<size_t>(mapped + page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    std::byte* end = static_cast<std::byte*>(memory) + mapped;
    ASSERT_EQ(mprotect(end, static_cast<size_t>(page), PROT_NONE), 0);
    std::ranges::copy(weight, end - bytes);
    for (const Kernels* isa : supported_kernels()) {
      for (int64_t n_tokens : {1, 3, 9}) {
        const Aligned<float> x = random_floats(k * n_tokens, random_);
        OwnedRows quantized(k, n_tokens);
        if (k % 32 == 0) {
          for (int64_t t = 0; t < n_tokens; ++t) isa->matmul.quantize(x.data() + t * k, quantized.view(), t);
        }
        std::vector<float> here(static_cast<size_t>(rows * n_tokens)), there(here.size());
        Aligned<std::byte> scratch(static_cast<size_t>(isa->matmul.scratch_bytes(k)));
        const auto multiply = [&](const std::byte* data, std::vector<float>& y) {
          isa->matmul.find(type().id).multiply({data, type().id, k}, 0, rows, {x.data(), quantized.view(), n_tokens}, y.data(),
                                               rows, scratch.data());
        };
        multiply(end - bytes, here);
        multiply(weight.data(), there);
        EXPECT_EQ(here, there) << isa->name << " K " << k << " T " << n_tokens;
      }
    }
    munmap(memory, static_cast<size_t>(mapped + page));
  }
}

std::vector<const TypeInfo*> decodable_types() {
  std::vector<const TypeInfo*> types;
  for (const TypeInfo& type : all_types()) {
    const bool is_integer = type.id >= Type::i8 && type.id <= Type::f64 && type.id != Type::iq1_m;  // random bits are no weights
    if (type.to_float && !is_integer) types.push_back(&type);
  }
  return types;
}

INSTANTIATE_TEST_SUITE_P(Types, MatmulTest, testing::ValuesIn(decodable_types()),
                         [](const auto& param) { return std::string(param.param->name); });

TEST(MatmulTable, HasKernelsForTheCommonTypes) {
  for (const Kernels* isa : supported_kernels()) {
    for (Type type : {Type::f32, Type::f16, Type::bf16, Type::q4_0, Type::q4_1, Type::q5_0, Type::q5_1, Type::q8_0, Type::q2_k,
                      Type::q3_k, Type::q4_k, Type::q5_k, Type::q6_k}) {
      EXPECT_FALSE(isa->matmul.find(type).is_fallback) << isa->name << " " << type_info(type).name;
    }
    EXPECT_EQ(isa->matmul.row_tile % 8, 0);
  }
}

TEST(Quantize, GivesTheReferenceCodesOnEveryInstructionSet) {
  std::mt19937 random(1);
  constexpr int64_t k = 96;
  for (const Kernels* isa : supported_kernels()) {
    for (int round = 0; round < 50; ++round) {
      Aligned<float> x = random_floats(k, random);
      if (round == 1) std::ranges::fill(x, 0.0f);
      if (round == 2) x[40] = 1e30f;
      if (round == 3) std::ranges::for_each(x, [](float& v) { v *= 1e-30f; });
      if (round == 4) std::iota(x.begin(), x.end(), -127.5f);  // ties
      OwnedRows rows(k, 2);
      isa->matmul.quantize(x.data(), rows.view(), 1);
      const ReferenceRow expected(x);
      const QuantizedRows got = rows.view();
#if defined(__x86_64__)
      const int bias = isa->name == "scalar" ? 0 : 128;
#else
      const int bias = 0;
#endif
      for (size_t i = 0; i < static_cast<size_t>(k); ++i) {
        ASSERT_EQ(static_cast<int8_t>(got.q[k + static_cast<int64_t>(i)] - bias), expected.q[i]) << isa->name << " " << i;
      }
      for (size_t b = 0; b < static_cast<size_t>(k / 32); ++b) {
        const auto first = expected.q.begin() + static_cast<int64_t>(32 * b);
        const float low = static_cast<float>(std::accumulate(first, first + 16, 0));
        const float high = static_cast<float>(std::accumulate(first + 16, first + 32, 0));
        EXPECT_EQ(got.d[3 + b], expected.d[b]);
        EXPECT_EQ(got.sums[3 + b], expected.d[b] * (low + high));
        EXPECT_EQ(got.sums_16[6 + 2 * b], expected.d[b] * low);
        EXPECT_EQ(got.sums_16[6 + 2 * b + 1], expected.d[b] * high);
      }
    }
  }
}

TEST(Quantize, LetsNanAndInfinityThrough) {
  for (const Kernels* isa : supported_kernels()) {
    for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      std::vector<float> x(64, 1.0f);
      x[5] = bad;
      OwnedRows rows(64, 1);
      isa->matmul.quantize(x.data(), rows.view(), 0);
      EXPECT_TRUE(std::isnan(rows.view().d[0])) << isa->name;
      EXPECT_FALSE(std::isnan(rows.view().d[1])) << isa->name;
    }
  }
}

TEST(Isa, NamesWhatRunsWhenAnUnknownOneIsForced) {
  EXPECT_EQ((*choose_kernels(""))->name, supported_kernels().back()->name);
  EXPECT_EQ((*choose_kernels("scalar"))->name, "scalar");
  const auto unknown = choose_kernels("sse9");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().layer, Layer::hardware);
  EXPECT_NE(unknown.error().what.find("scalar"), std::string::npos);
}

}  // namespace
}  // namespace lupo::cpu
