// What the quantization layer notices: bits a weight, and what fewer or more of them would change. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/finding.h"
#include "quant/type.h"

namespace lupo {

struct QuantizationUse {
  std::map<Type, int64_t> matrix_bytes;  // read for one token, by type
  int64_t other_bytes = 0;               // read for one token beside the matrices
};

// Values that a number of bytes of a type hold, and bits a weight over all matrices.
double bits_per_weight(const std::map<Type, int64_t>& matrix_bytes);

// Codes: wide-weights (gain: bytes a token against those of Q4_K_M), few-bits. `model` is for the commands.
std::vector<Finding> check_quantization(const QuantizationUse& use, const std::string& model);

}  // namespace lupo
