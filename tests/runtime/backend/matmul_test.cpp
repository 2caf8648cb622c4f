// Every type times every instruction set that runs here, against exact products of the decoded weights.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <set>

#include "quant/tolerance.h"
#include "runtime/backend/cpu/isa.h"
#include "runtime/backend/matmul_data.h"
#include "runtime/backend/tested_kernels.h"

namespace lupo::cpu {
namespace {

constexpr float kUntouched = 12345;

struct Case {
  int64_t rows, k, n_tokens;
  StepCodes codes = codes_of_step(n_tokens);
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
    OwnedRows quantized(c.k, c.n_tokens, c.codes);
    Aligned<float> effective = x;
    if (kernels.quantizes) {
      for (int64_t t = 0; t < c.n_tokens; ++t) {
        isa.matmul.quantize(x.data() + t * c.k, quantized.view(), t);
        std::ranges::copy(ReferenceRow(row_of(x, c.k, t), code_max(c.codes)).values(),
                          effective.begin() + t * c.k);
      }
    }
    std::vector<float> y(static_cast<size_t>(stride * c.n_tokens), kUntouched);
    Aligned<std::byte> scratch(static_cast<size_t>(isa.matmul.scratch_bytes(c.k)), std::byte{0xff});  // NaNs, as may be
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
  for (const Kernels* isa : tested_kernels()) {
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
    check(*isa, {9, whole_blocks(576), kFineTokens});
    check(*isa, {9, whole_blocks(576), kFineTokens + 1});
    check(*isa, {9, block, 130});
    for (int64_t n_tokens : {1, 2, 3, 5, 8, 33}) {  // 8-bit codes: those of an expert, and those of a step of that many
      check(*isa, {33, whole_blocks(576), n_tokens, codes_of_step(kFineTokens + 1)});
      check(*isa, {7, whole_blocks(896), n_tokens, codes_of_step(n_tokens, true)});
    }
    for (int64_t k : widths) check(*isa, {33, k, 1, codes_of_step(1, true)});
  }
}

TEST_P(MatmulTest, StaysNearTheProductOfUnroundedActivations) {
  const int64_t k = whole_blocks(896), rows = 16;
  for (const Kernels* isa : tested_kernels()) {
    for (int64_t n_tokens : {int64_t{1}, kFewTokens + 1, kFineTokens + 1}) {
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
          ASSERT_NEAR(
              y[static_cast<size_t>(r + t * rows)], expected.value,
              code_dot_tolerance(k, std::sqrt(mean_square), amax, code_max(codes_of_step(n_tokens))) + tolerance(kernels, k, expected.sum_abs))
              << isa->name << " row " << r << " token " << t << " of " << n_tokens;
        }
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
    for (const Kernels* isa : tested_kernels()) {
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

TEST(MatmulTable, HasKernelsForEveryTypeOfWeights) {
  for (const Kernels* isa : tested_kernels()) {
    for (const TypeInfo* type : decodable_types())
      EXPECT_EQ(isa->matmul.find(type->id).is_fallback, type->id == Type::q8_1 || type->id == Type::q8_k)  // never weights
          << isa->name << " " << type->name;
    EXPECT_EQ(isa->matmul.row_tile % 8, 0);
  }
}

// A quantized row as its three forms hold it: codes, scales and sums.
struct RowRead {
  std::vector<int> code;                // [K]
  std::vector<float> d, sums, sums_16;  // [K/32], [K/32], [K/16]
};

RowRead read_row(const QuantizedRows& rows, int64_t t, const MatmulTable& form) {
  RowRead read;
  const int64_t k = rows.k;
  for (int64_t i = 0; i < k; ++i) {
    const uint8_t* q = rows.q + t * rows.codes.n_digits * k + i;
    const int first = static_cast<int8_t>(q[0] - form.code_bias);
    if (rows.codes.n_digits == 1)
      read.code.push_back(first);
    else if (form.has_words)
      read.code.push_back(reinterpret_cast<const int16_t*>(rows.q)[t * k + i]);
    else
      read.code.push_back(256 * first + static_cast<int8_t>(q[k] - form.code_bias));
  }
  read.d.assign(rows.d + t * k / 32, rows.d + (t + 1) * k / 32);
  read.sums.assign(rows.sums + t * k / 32, rows.sums + (t + 1) * k / 32);
  read.sums_16.assign(rows.sums_16 + t * k / 16, rows.sums_16 + (t + 1) * k / 16);
  return read;
}

// The chunk that holds block b of 32 values, and its place there; the last chunk of a long row starts before the one ahead ends.
std::pair<int64_t, int> place(int64_t k, int64_t b) {
  if (b < k / 256 * 8) return {b / 8, static_cast<int>(b % 8)};
  return {k / 256, static_cast<int>(k < 256 ? b : b - k / 32 + 8)};
}

// The code of a value at `at` of 256 in the form of ActivationChunk.
int code_at(const int8_t (&first)[256], const int8_t (&second)[256], int at, int n_digits, bool has_words) {
  if (n_digits == 1) return first[at];
  if (!has_words) return 256 * first[at] + second[at];
  int16_t word;
  std::memcpy(&word, (at % 2 == 0 ? first : second) + at / 16 * 16 + at % 16 / 2 * 2, sizeof word);
  return word;
}

RowRead read_chunks(const QuantizedRows& rows, int64_t t, bool has_words) {
  RowRead read;
  const int n_digits = rows.codes.n_digits;
  for (int64_t b = 0; b < rows.k / 32; ++b) {
    const auto [c, at] = place(rows.k, b);
    const ActivationChunk& chunk = rows.chunks[t * activation_chunks(rows.k) + c];
    for (int i = 0; i < 32; ++i) {
      const int linear = 32 * at + i, quad = at / 4 * 128 + i / 16 * 64 + at % 4 * 16 + i % 16;
      read.code.push_back(code_at(chunk.first, chunk.second, linear, n_digits, has_words));
      EXPECT_EQ(code_at(chunk.quad_first, chunk.quad_second, quad, n_digits, has_words), read.code.back());
    }
    read.d.push_back(chunk.d_and_sums[at]);
    read.sums.push_back(chunk.d_and_sums[8 + at]);
    read.sums_16.push_back(chunk.sums_16[2 * at]);
    read.sums_16.push_back(chunk.sums_16[2 * at + 1]);
  }
  return read;
}

TEST(Quantize, GivesTheReferenceCodesOnEveryInstructionSet) {
  std::mt19937 random(1);
  struct Form {
    int64_t n_tokens;
    bool coarse;
  };
  const std::vector<Form> forms{{2, false}, {2, true}, {kFewTokens, false}, {kFewTokens, true}, {kFineTokens + 1, false}};
  for (const Kernels* isa : tested_kernels()) {
    for (int round = 0; round < 100; ++round) {
      const auto [n_tokens, coarse] = forms[static_cast<size_t>(round) % forms.size()];
      const StepCodes codes = codes_of_step(n_tokens, coarse);
      const int64_t k = round % 2 ? 96 : 576;
      Aligned<float> x = random_floats(k, random);
      if (round / 5 == 0) std::ranges::fill(x, 0.0f);
      if (round / 5 == 1) x[40] = 1e30f;
      if (round / 5 == 2) std::ranges::for_each(x, [](float& v) { v *= 1e-30f; });
      if (round / 5 == 3) std::iota(x.begin(), x.end(), -127.5f);  // ties
      OwnedRows rows(k, n_tokens, codes);
      isa->matmul.quantize(x.data(), rows.view(), 1);
      const ReferenceRow expected(x, code_max(codes));
      const RowRead got = n_tokens < kFewTokens ? read_chunks(rows.view(), 1, isa->matmul.has_words)
                                                  : read_row(rows.view(), 1, isa->matmul);
      SCOPED_TRACE(testing::Message() << isa->name << " K " << k << " T " << n_tokens);
      EXPECT_EQ(got.code, expected.code);
      EXPECT_EQ(got.d, expected.d);
      for (size_t h = 0; h < got.sums_16.size(); ++h) {
        const auto first = expected.code.begin() + static_cast<int64_t>(16 * h);
        EXPECT_EQ(got.sums_16[h], expected.d[h / 2] * static_cast<float>(std::accumulate(first, first + 16, 0)));
        EXPECT_EQ(got.sums[h / 2], got.sums_16[h / 2 * 2] + got.sums_16[h / 2 * 2 + 1]);
      }
    }
  }
}

TEST(Quantize, LetsNanAndInfinityThrough) {
  for (const Kernels* isa : tested_kernels()) {
    for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      for (int64_t n_tokens : {int64_t{1}, kFewTokens}) {
        std::vector<float> x(64, 1.0f);
        x[5] = bad;
        OwnedRows rows(64, n_tokens);
        isa->matmul.quantize(x.data(), rows.view(), 0);
        const float* d = n_tokens < kFewTokens ? rows.view().chunks->d_and_sums : rows.view().d;
        EXPECT_TRUE(std::isnan(d[0])) << isa->name;
        EXPECT_FALSE(std::isnan(d[1])) << isa->name;
      }
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
