// What the quantization layer notices: bits a weight, and what fewer or more of them would change. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/finding.h"
#include "quant/type.h"

namespace lupo {

// Mean bits of a weight in a Q4_K_M mix: Q4_K (4.5) with Q6_K (6.56) in some tensors.
inline constexpr double kQ4KMBits = 4.85;

// A file of the same model with fewer bits that is there.
struct NarrowerFile {
  std::string evidence, fix;
  double gain = 0, gain_low = 0, gain_high = 0;  // as in Finding; the bracket 0, 0: not known
};

struct QuantizationUse {
  std::map<Type, int64_t> matrix_bytes;  // read for one token, by type
  int64_t other_bytes = 0;               // read for one token beside the matrices
  std::optional<NarrowerFile> narrower{};
};

double bits_of(Type type);  // of a value, its share of the block's scales with it
// Mean over all matrices.
double bits_per_weight(const std::map<Type, int64_t>& matrix_bytes);

// Codes: wide-weights (gain: that of the narrower file, else bytes a token against those of Q4_K_M), few-bits. `model` is for the
// commands.
std::vector<Finding> check_quantization(const QuantizationUse& use, const std::string& model);

}  // namespace lupo
