// What the model layer notices of other models at hand: one that knows more in the memory there is, one that is as large and
// faster. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/finding.h"
#include "base/interval.h"
#include "model/gguf/gguf.h"
#include "quant/checks.h"

namespace lupo {

// Tokens a second that are fast enough to read along.
inline constexpr double kReadAlongTps = 5;

// What a model is called, for comparing: in lower case, letters and digits alone.
struct ModelNames {
  std::string family;  // without size and quantization: "qwen25coder"
  std::string title;   // general.name: "qwen25coder05binstruct"; "" = not said
  std::string stem;    // of the file's name, without quantization and part
};
ModelNames names_of(const gguf::Metadata& metadata, std::string_view path);

// A model as one that could be chosen, planned and predicted for this machine.
struct ModelChoice {
  std::string path, architecture;
  ModelNames names;
  bool answers = false;  // was trained to answer
  bool is_mixture = false;
  int64_t params_total = 0, params_active = 0;
  double bits_per_weight = 0;
  int64_t weight_bytes = 0, total_bytes = 0;  // of memory: of these, and with cache and scratch
  int64_t bytes_per_token = 0;                // of weights, read for a decoded token
  int64_t n_ctx = 0, n_ctx_train = 0;         // planned, trained
  bool fits = true;
  std::optional<Interval> decode_tps{};  // predicted, undisturbed; nothing: none can be told
};

struct Neighbours {
  ModelChoice used;
  double measured_tps = 0;       // decode of the used one; 0 = it was not run
  bool is_memory_bound = false;  // its decode reaches the roof
  std::vector<ModelChoice> others{};
};

// Whether any check of this file could prefer `other`, whatever the speeds.
bool is_alternative(const ModelChoice& used, const ModelChoice& other);

// Codes: bigger-fits, moe-faster, and where there is neither, of memory and speed alone: mixture-possible or bigger-possible.
// Speeds that cannot be told are compared by bytes a token; then there is no gain.
std::vector<Finding> check_neighbours(const Neighbours& neighbours);

// The used model with fewer bits, for check_quantization: of several the one nearest to Q4_K_M.
std::optional<NarrowerFile> narrower_at_hand(const Neighbours& neighbours);

}  // namespace lupo
