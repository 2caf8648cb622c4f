#include "runtime/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "hardware/checks.h"

namespace lupo {
namespace {

constexpr double kEightBitsMin = 0.08;  // a gain worth a loss of exactness
constexpr int64_t kTurnsMin = 3, kDraftedMin = 2;
constexpr double kKeptFew = 0.5;     // of the tokens that a turn finds in the cache
constexpr double kDraftSlow = 0.98;  // of the speed without it

Finding finding(std::string code, Severity severity, std::string what, std::string evidence, double gain, std::string fix) {
  return {Layer::runtime, std::move(code), severity, std::move(what), std::move(evidence), gain, std::move(fix)};
}

void check_threads(const Machine& machine, const RuntimeUse& use, std::vector<Finding>& findings, const std::string& model) {
  const int usable = machine.usable_threads();
  const std::string evidence = fmt::format("{} threads, {} are of use: {}", use.n_threads, usable, machine.threads_reason());
  const std::string fix = fmt::format("lupo run {} --threads {}", model, usable);
  if (use.n_threads > usable)
    findings.push_back(finding("threads-too-many", Severity::warning, "more threads than cores wait for each other at every step",
                               evidence, use.usable_threads_gain, fix));
  if (use.n_threads < usable)
    findings.push_back(finding(
        "threads-too-few", Severity::warning, "fewer threads than there are cores for", evidence,
        use.usable_threads_gain > 0 ? use.usable_threads_gain : gain_of_more_threads(machine, use.n_threads, use.decode_gbps),
        fix));
}

void check_cache_type(const RuntimeUse& use, const std::string& model, std::vector<Finding>& findings) {
  if (use.k_type != Type::f32 && use.v_type != Type::f32) return;
  const double weights = static_cast<double>(use.bytes_per_token), kv = static_cast<double>(use.kv_bytes);
  findings.push_back(finding("kv-f32", Severity::warning, "the KV cache keeps 32 bits a value, which nobody can tell from 16",
                             fmt::format("cache {}/{}", type_info(use.k_type).name, type_info(use.v_type).name),
                             use.f16_cache_gain > 0 ? use.f16_cache_gain
                             : weights > 0          ? (weights + kv) / (weights + kv / 2) - 1
                                                    : 0,
                             fmt::format("lupo run {} --kv-type f16", model)));
}

void check_context(const RuntimeUse& use, const std::string& model, std::vector<Finding>& findings) {
  if (use.n_ctx_train > 0 && use.n_ctx > use.n_ctx_train)
    findings.push_back(finding("context-beyond-training", Severity::warning,
                               "the context is longer than the model was trained for: answers decay beyond that",
                               fmt::format("{} tokens, trained for {}", use.n_ctx, use.n_ctx_train), 0,
                               fmt::format("lupo run {} --ctx {}", model, use.n_ctx_train)));
  if (use.n_short == 0) return;
  const int64_t needed = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(use.n_used_max + use.n_used_max / 4)));
  const bool can_hold = use.n_ctx_train <= 0 || use.n_used_max < use.n_ctx_train;
  findings.push_back(finding(
      "context-too-small", Severity::warning,
      "the context is too small for what is asked of it: prompts are refused or answers cut",
      fmt::format("{} of the last {} answers, the longest of {} tokens in a context of {}", use.n_short, use.n_answers,
                  use.n_used_max, use.n_ctx_short),
      0,
      can_hold ? fmt::format("lupo run {} --ctx {}", model, use.n_ctx_train > 0 ? std::min(needed, use.n_ctx_train) : needed)
               : fmt::format("lupo plan {} --for long  # then a model trained for more than {} tokens", model, use.n_ctx_train)));
}

// What a conversation pays again at every turn.
void check_prefix(const RuntimeUse& use, const std::string& model, std::vector<Finding>& findings) {
  const bool is_seen = use.n_turns >= kTurnsMin && use.n_reused < kKeptFew * use.n_held;
  if (use.template_changes.empty() && !is_seen) return;
  std::string evidence = use.template_changes;
  if (is_seen)
    evidence += fmt::format("{}of {:.0f} tokens in the cache {:.0f} were kept, on average of {} turns",
                            evidence.empty() ? "" : "; ", use.n_held, use.n_reused, use.n_turns);
  findings.push_back(
      finding("prefix-cache-missed", Severity::warning,
              "what was said before is read again at every turn, since its text changes from turn to turn", std::move(evidence),
              use.first_token_gain.middle,
              fmt::format("lupo run {} --chat-template FILE  # one that repeats what it wrote the turn before", model)));
  findings.back().gain_of = "first token";
  findings.back().gain_low = use.first_token_gain.low;
  findings.back().gain_high = use.first_token_gain.high;
}

void check_draft(const RuntimeUse& use, const std::string& model, std::vector<Finding>& findings) {
  if (use.n_drafted < kDraftedMin || use.draft_gain >= kDraftSlow) return;
  findings.push_back(finding(
      "draft-slows", Severity::warning, "the draft model costs more time than its tokens save",
      fmt::format("{:.2f} times the speed without it, over the last {} answers that used it", use.draft_gain, use.n_drafted),
      1 / use.draft_gain - 1, fmt::format("lupo run {}  # without --draft", model)));
}

}  // namespace

std::vector<Finding> check_runtime(const Machine& machine, const RuntimeUse& use, const std::string& model) {
  std::vector<Finding> findings;
  if (use.backend == "ref")
    findings.push_back(finding("backend-ref", Severity::problem,
                               "the reference backend is for comparison: plain loops on one thread", "--backend ref", 0,
                               fmt::format("lupo run {} --backend cpu", model)));
  if (use.is_debug_build)
    findings.push_back(finding("debug-build", Severity::problem, "this lupo was built without optimisation",
                               "built without NDEBUG", 0, "cmake --preset release && cmake --build --preset release"));
  check_threads(machine, use, findings, model);
  if (use.eight_bits_gain >= kEightBitsMin)
    findings.push_back(finding(
        "eight-bit-activations", Severity::info,
        "a decode multiplies with activations of 16 bits, which costs this processor more than reading the "
        "weights; 8 bits, which llama.cpp has, are faster and a little less exact",
        fmt::format("mean KL about 0.001 to 0.003 instead of 0.0000003; predicted gain {:.0f} %", 100 * use.eight_bits_gain),
        use.eight_bits_gain, fmt::format("lupo run {} --activations 8", model)));
  check_cache_type(use, model, findings);
  check_context(use, model, findings);
  check_prefix(use, model, findings);
  check_draft(use, model, findings);
  const double roof = machine.measured.read_gbps;
  if (roof > 0 && use.decode_gbps > 0 && use.decode_gbps < 0.6 * roof)
    findings.push_back(finding("below-roof", Severity::info,
                               "decode does not reach what the memory gives: computing and waiting take the rest",
                               fmt::format("{:.1f} of {:.1f} GB/s = {:.0f} %; time: {}", use.decode_gbps, roof,
                                           100 * use.decode_gbps / roof, use.where_time_goes),
                               0, fmt::format("lupo bench {} --trace", model)));
  return findings;
}

}  // namespace lupo
