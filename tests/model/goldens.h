// The goldens of tests/goldens/arch: tiny random models beside what a reference computes of them.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

namespace lupo {

inline const std::filesystem::path kGoldens = LUPO_TESTS_DIR "/goldens/arch";

inline nlohmann::json golden(const std::string& name) {
  return nlohmann::json::parse(std::ifstream(kGoldens / (name + ".json")));
}

// Those that hold `what`: "logits" or "pooling"; "architecture" is in all.
inline std::vector<std::string> golden_names(const char* what) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kGoldens))
    if (entry.path().extension() == ".gguf" && golden(entry.path().stem()).contains(what)) names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

inline double worst_difference(std::span<const float> a, std::span<const float> b) {
  double worst = a.size() == b.size() ? 0 : INFINITY;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) worst = std::max(worst, static_cast<double>(std::abs(a[i] - b[i])));
  return worst;
}

// A golden's name as that of a test.
inline std::string test_name(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

}  // namespace lupo
