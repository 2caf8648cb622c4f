// Every tensor type against numbers made by other programs; see goldens/quant/make_quant_goldens.py. A type without golden fails.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "quant/type.h"

namespace lupo {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes read_golden(const std::string& name) {
  std::ifstream file(std::string(LUPO_TESTS_DIR "/goldens/quant/") + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<float> to_floats(const uint8_t* bytes, std::size_t n) {
  std::vector<float> values(n);
  std::memcpy(values.data(), bytes, n * sizeof(float));
  return values;
}

struct GoldenHead {
  uint32_t block_elements, block_bytes, n_values, encoded_bytes;
};

struct Golden : GoldenHead {
  Bytes blocks;
  std::vector<float> values;  // [n_values]
  Bytes encoded;              // [encoded_bytes]
};

Golden parse_golden(const Bytes& bytes) {
  Golden golden{};
  std::memcpy(static_cast<GoldenHead*>(&golden), bytes.data(), sizeof(GoldenHead));
  const uint8_t* at = bytes.data() + sizeof(GoldenHead);
  const std::size_t block_bytes = golden.n_values / golden.block_elements * golden.block_bytes;
  golden.blocks.assign(at, at + block_bytes);
  at += block_bytes;
  golden.values = to_floats(at, golden.n_values);
  at += golden.n_values * sizeof(float);
  golden.encoded.assign(at, at + golden.encoded_bytes);
  return golden;
}

class TypeGolden : public testing::TestWithParam<TypeInfo> {
 protected:
  void SetUp() override {
    std::string name(GetParam().name);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    const Bytes bytes = read_golden(name + ".golden");
    ASSERT_GE(bytes.size(), sizeof(GoldenHead)) << "tests/goldens/quant/" << name << ".golden is missing: a type needs one";
    golden_ = parse_golden(bytes);
  }

  Golden golden_;
};

TEST_P(TypeGolden, BlockIsOfTheSizeThatTheFormatSays) {
  EXPECT_EQ(GetParam().block_elements, static_cast<int>(golden_.block_elements));
  EXPECT_EQ(GetParam().block_bytes, static_cast<int>(golden_.block_bytes));
}

// The formulas take the same steps in the same order, so the floats are equal to the bit. Blocks begin at an odd address: a type
// must not ask for more alignment than a byte.
TEST_P(TypeGolden, DecodesToTheBit) {
  Bytes unaligned(golden_.blocks.size() + 1);
  std::ranges::copy(golden_.blocks, unaligned.begin() + 1);
  std::vector<float> values(golden_.n_values);
  GetParam().to_float(unaligned.data() + 1, values.data(), golden_.n_values);
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint32_t>(values[i]), std::bit_cast<uint32_t>(golden_.values[i]))
        << "value " << i << ": " << values[i] << ", want " << golden_.values[i];
  }
}

TEST_P(TypeGolden, EncodesToTheSameBytes) {
  ASSERT_EQ(GetParam().from_float == nullptr, golden_.encoded_bytes == 0) << "an encoder needs a golden, and the reverse";
  if (!GetParam().from_float) return;
  const Bytes input_bytes = read_golden("inputs.f32");
  const std::vector<float> inputs = to_floats(input_bytes.data(), input_bytes.size() / sizeof(float));
  Bytes encoded(golden_.encoded.size() + 1, 0xAA);
  GetParam().from_float(inputs.data(), nullptr, encoded.data() + 1, static_cast<int64_t>(inputs.size()));
  for (std::size_t i = 0; i < golden_.encoded.size(); ++i) {
    ASSERT_EQ(int{encoded[i + 1]}, int{golden_.encoded[i]})
        << "byte " << i % golden_.block_bytes << " of block " << i / golden_.block_bytes;
  }
}

const auto kAllTypes = testing::ValuesIn(all_types().begin(), all_types().end());
INSTANTIATE_TEST_SUITE_P(Types, TypeGolden, kAllTypes, [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace lupo
