#include "quant/checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace lupo {
namespace {

constexpr double kWorthwhile = 0.25;  // relative gain
constexpr double kFewBits = 3.5;

std::string shares(const std::map<Type, int64_t>& bytes, double total) {
  std::vector<std::pair<int64_t, std::string>> parts;
  for (const auto& [type, n] : bytes)
    parts.emplace_back(-n, fmt::format("{:.0f} % {}", 100.0 * static_cast<double>(n) / total, type_info(type).name));
  std::sort(parts.begin(), parts.end());
  std::vector<std::string> texts;
  for (const auto& [n, text] : parts) texts.push_back(text);
  return fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace

double bits_of(Type type) { return 8.0 * type_info(type).block_bytes / type_info(type).block_elements; }

double bits_per_weight(const std::map<Type, int64_t>& matrix_bytes) {
  double bits = 0, weights = 0;
  for (const auto& [type, n] : matrix_bytes) {
    bits += 8.0 * static_cast<double>(n);
    weights += 8.0 * static_cast<double>(n) / bits_of(type);
  }
  return weights > 0 ? bits / weights : 0;
}

std::vector<Finding> check_quantization(const QuantizationUse& use, const std::string& model) {
  std::vector<Finding> findings;
  double total = 0, after = static_cast<double>(use.other_bytes), widest = 0;
  for (const auto& [type, n] : use.matrix_bytes) {
    const double bytes = static_cast<double>(n);
    total += bytes;
    after += bits_of(type) > kQ4KMBits ? bytes * kQ4KMBits / bits_of(type) : bytes;
    if (bits_of(type) >= 16) widest += bytes;
  }
  if (total <= 0) return findings;
  const double bits = bits_per_weight(use.matrix_bytes);
  const double gain = (total + static_cast<double>(use.other_bytes)) / after - 1;
  const std::string evidence =
      fmt::format("{:.2f} bits a weight; bytes read for a token: {}", bits, shares(use.matrix_bytes, total));
  const Severity severity = widest >= total / 2 ? Severity::warning : Severity::info;
  if (const auto& file = use.narrower; file && file->gain >= kWorthwhile) {
    findings.push_back({Layer::quantization, "wide-weights", severity,
                        "the weights have more bits than speed wants; a file of this model with fewer lies beside it",
                        fmt::format("{}; {}", evidence, file->evidence), file->gain, file->fix});
    findings.back().gain_low = file->gain_low;
    findings.back().gain_high = file->gain_high;
  } else if (!file && gain >= kWorthwhile) {
    findings.push_back(
        {Layer::quantization, "wide-weights", severity,
         "the weights have more bits than speed wants; Q4_K_M reads fewer bytes a token at a small cost in quality", evidence,
         gain, fmt::format("lupo doctor MODEL-Q4_K_M.gguf  # the Q4_K_M file of the same model, from where {} came", model)});
  }
  if (bits < kFewBits)
    findings.push_back(
        {Layer::quantization, "few-bits", Severity::warning, "so few bits a weight cost quality that can be noticed", evidence, 0,
         fmt::format("lupo plan MODEL-Q4_K_M.gguf  # whether the Q4_K_M file of the same model fits, instead of {}", model)});
  return findings;
}

}  // namespace lupo
