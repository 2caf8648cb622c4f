// What the runtime layer notices of how a model is run. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/finding.h"
#include "base/interval.h"
#include "hardware/machine.h"
#include "quant/type.h"

namespace lupo {

struct RuntimeUse {
  std::string backend = "cpu";
  int n_threads = 1;
  Type k_type = Type::f16, v_type = Type::f16;
  int64_t n_ctx = 0, n_ctx_train = 0;
  int64_t kv_bytes = 0;         // of the full cache
  int64_t bytes_per_token = 0;  // weights read for a decoded token
  double decode_gbps = 0;       // 0 = none was run
  // Relative gains of decode speed, predicted by planning again: with a cache of F16 at the end of the context, with as many
  // threads as are of use, with activations of 8 bits. 0 = none, or not known.
  double f16_cache_gain = 0, usable_threads_gain = 0, eight_bits_gain = 0;
  bool is_debug_build = false;  // of lupo itself
  // Of the last answers of this model. `short`: with the context in use, refused or cut, the longest's tokens beside them.
  int64_t n_answers = 0, n_short = 0, n_ctx_short = 0, n_used_max = 0;
  // Turns of conversations: tokens that were in the cache, that were kept, and of the prompt, means; why the template's text
  // differs from what it was a turn before, "" where it does not; how much sooner the first token would come.
  int64_t n_turns = 0;
  double n_held = 0, n_reused = 0;
  std::string template_changes{};
  Interval first_token_gain{};
  int64_t n_drafted = 0;        // answers with a draft model
  double draft_gain = 1;        // of decode speed by it
  std::string where_time_goes;  // "linear Q4_1 61 %, attend 20 %"
};

// Codes: debug-build, eight-bit-activations, backend-ref, threads-too-many, threads-too-few, kv-f32, context-beyond-training,
// context-too-small, prefix-cache-missed, draft-slows, below-roof. `model` is for the commands.
std::vector<Finding> check_runtime(const Machine& machine, const RuntimeUse& use, const std::string& model);

}  // namespace lupo
