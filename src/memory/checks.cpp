#include "memory/checks.h"

#include <fmt/format.h>

#include "base/units.h"

namespace lupo {
namespace {

constexpr double kQ8Bits = 8.5;     // of a value in q8_0, scale included
constexpr int64_t kAnswersMin = 3;  // fewer tell no habit

Finding finding(std::string code, Severity severity, std::string what, std::string evidence, double gain, std::string fix) {
  return {Layer::memory, std::move(code), severity, std::move(what), std::move(evidence), gain, std::move(fix)};
}

// Reading the full cache beside the weights: what a cache of half the bytes would gain at the end of the context.
void check_cache(const MemoryUse& use, const std::string& model, std::vector<Finding>& findings) {
  const double weights = static_cast<double>(use.bytes_per_token), kv = static_cast<double>(use.bytes.kv);
  if (use.kv_bits <= kQ8Bits || weights <= 0 || kv < 0.2 * weights) return;
  findings.push_back(
      finding("cache-heavy", Severity::info, "with a full context the KV cache is much of what a token reads",
              fmt::format("{} of cache beside {} of weights at {} tokens", format_bytes(use.bytes.kv),
                          format_bytes(use.bytes_per_token), use.n_ctx),
              use.q8_cache_gain > 0 ? use.q8_cache_gain : (weights + kv) / (weights + kv * kQ8Bits / use.kv_bits) - 1,
              fmt::format("lupo run {} --kv-type q8_0", model)));
}

// Pages of the cache that no token reached cost address space and plans, not memory: of interest where memory is what is short.
void check_context(const Ram& ram, const MemoryUse& use, const std::string& model, std::vector<Finding>& findings) {
  if (use.n_answers < kAnswersMin || use.freed_bytes < use.bytes.total() / 20) return;
  const bool is_much = use.freed_bytes > ram.available_bytes / 4;
  findings.push_back(
      finding("context-unused", is_much ? Severity::warning : Severity::info,
              "the context is far longer than what is used of it: the memory planned for it is nobody's else meanwhile",
              fmt::format("the longest of the last {} answers took {} of {} tokens; {} would do and need {} less", use.n_answers,
                          use.n_used_max, use.n_ctx, use.n_ctx_enough, format_bytes(use.freed_bytes)),
              0, fmt::format("lupo run {} --ctx {}", model, use.n_ctx_enough)));
  findings.back().limits = is_much;
  findings.back().freed_bytes = use.freed_bytes;
}

// A file's pages that the system took back.
void check_faults(const MemoryUse& use, const std::string& model, std::vector<Finding>& findings) {
  if (use.major_faults == 0 && use.disk_bytes == 0) return;
  findings.push_back(finding(
      "reread-from-disk", Severity::warning,
      "pages of the weights came from the disk again while the model ran: memory does not keep them",
      fmt::format("{} and {} major faults in a run of moments", format_bytes(use.disk_bytes), use.major_faults),
      use.undisturbed_gain, fmt::format("ps aux --sort -rss | head  # end what takes the memory, or: lupo plan {}", model)));
}

}  // namespace

std::vector<Finding> check_memory(const Machine& machine, const MemoryUse& use, const std::string& model) {
  std::vector<Finding> findings;
  const Ram& ram = machine.ram;
  const int64_t total = use.bytes.total();
  const std::string limit = ram.limit_bytes > 0 ? fmt::format(" (cgroup limit {})", format_bytes(ram.limit_bytes)) : "";
  if (!use.fits)
    findings.push_back(finding(
        "does-not-fit", Severity::problem, fmt::format("the model at a context of {} needs more memory than is free", use.n_ctx),
        fmt::format("needs {} and {} in reserve, available {}{}", format_bytes(total), format_bytes(use.reserve_bytes),
                    format_bytes(ram.available_bytes), limit),
        0,
        use.fitting_flags.empty() ? fmt::format("lupo plan {}  # a smaller quantization or model is needed", model)
                                  : fmt::format("lupo run {} {}", model, use.fitting_flags)));
  else if (total + use.reserve_bytes > ram.available_bytes * 85 / 100)
    findings.push_back(finding("memory-tight", Severity::info, "the model fits, with little to spare",
                               fmt::format("{} of {} available{}", format_bytes(total), format_bytes(ram.available_bytes), limit),
                               0, fmt::format("lupo run {} --kv-type q8_0", model)));
  if (const int64_t used = ram.swap_total_bytes - ram.swap_free_bytes; used > 0 && ram.available_bytes < ram.total_bytes / 10)
    findings.push_back(finding("swapping", Severity::warning,
                               "memory is short and the system swaps: weights will be read from the disk again and again",
                               fmt::format("{} of swap in use, {} of {} available", format_bytes(used),
                                           format_bytes(ram.available_bytes), format_bytes(ram.total_bytes)),
                               0, "end other programs  # ps aux --sort -rss | head"));
  if (use.fits && !use.ctx_asked && use.n_ctx < use.n_ctx_train)
    findings.push_back(
        finding("context-cut", Severity::warning, "the free memory holds less than the context the model was trained for",
                fmt::format("{} of {} tokens", use.n_ctx, use.n_ctx_train), 0, fmt::format("lupo run {} --kv-type q8_0", model)));
  check_cache(use, model, findings);
  check_context(ram, use, model, findings);
  check_faults(use, model, findings);
  return findings;
}

}  // namespace lupo
