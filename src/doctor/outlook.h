// What a person plans with: memory over the context, speed over the context, and how long a typical use will take.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "doctor/predict.h"
#include "runtime/runtime.h"

namespace lupo {

// Memory when the context is that long; it doubles from point to point.
struct ContextPoint {
  int64_t n_ctx = 0;
  MemoryBytes bytes;
  bool fits = true;
};
// 1024, 2048, … up to the trained context and to `n_ctx`, these two with it. Exact: each is planned.
Result<std::vector<ContextPoint>> memory_over_context(const Model& model, const Machine& machine, RuntimeOptions options,
                                                      int64_t n_ctx);

// At every power of two from 16 and at the context's last.
Prediction speed_over_context(const Graph& graph, const Calibration& calibration, const Spreads& spreads);

struct Use {
  std::string_view name;
  int64_t n_prompt, n_answer;  // tokens; of each sequence
  int64_t n_seq;
};
inline constexpr std::array<Use, 4> kUses = {{
    {"chat", 256, 256, 1},     // a question and its answer
    {"agent", 8192, 512, 1},   // tools, files and history before each short answer
    {"long", 32768, 1024, 1},  // a document
    {"batch", 512, 256, 8},    // several at once
}};
const Use* find_use(std::string_view name);  // null: there is none of that name

struct UseOutlook {
  Use use;                   // cut to the context
  Interval first_token_s{};  // from the prompt to the first token of the answer
  Interval answer_tps{};     // of all sequences together
};
UseOutlook outlook_for(const Use& use, const Graph& graph, const Calibration& calibration, const Spreads& spreads);

}  // namespace lupo
