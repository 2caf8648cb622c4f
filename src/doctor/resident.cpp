#include "doctor/resident.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/units.h"
#include "hardware/text.h"

namespace lupo {
namespace {

// What the process needs beside any plan: code, libraries, a vocabulary of 256 thousand tokens.
constexpr int64_t kProgramBytesMax = 160 * kMiB;

// Where a mapping begins and ends, of the line that begins its part: "7f00-7f01 r--s 00000000 fe:00 10036024   /path".
std::optional<std::pair<uintptr_t, uintptr_t>> range_of(std::string_view line) {
  std::pair<uintptr_t, uintptr_t> range;
  const char* const end = line.data() + line.size();
  const auto [dash, none] = std::from_chars(line.data(), end, range.first, 16);
  if (none != std::errc() || dash == end || *dash != '-') return std::nullopt;
  if (std::from_chars(dash + 1, end, range.second, 16).ec != std::errc()) return std::nullopt;
  return range;
}

// Resident bytes of all mappings that hold one of these addresses, which are in order.
int64_t resident_of(std::string_view smaps, const std::vector<uintptr_t>& addresses) {
  int64_t bytes = 0;
  bool is_wanted = false;
  while (!smaps.empty()) {
    const std::string_view line = smaps.substr(0, smaps.find('\n'));
    smaps.remove_prefix(std::min(line.size() + 1, smaps.size()));
    if (const auto range = range_of(line)) {
      const auto first = std::ranges::lower_bound(addresses, range->first);
      is_wanted = first != addresses.end() && *first < range->second;
    } else if (is_wanted && line.starts_with("Rss:")) {
      bytes += meminfo_bytes(line, "Rss");
    }
  }
  return bytes;
}

}  // namespace

int64_t resident_bytes(const Env& env) { return meminfo_bytes(env.read_text("/proc/self/status").value_or(""), "VmRSS"); }

MemoryOutcome memory_of(const Env& env, const Engine& engine) {
  MemoryOutcome outcome{.planned = engine.plan().bytes, .resident = resident_bytes(env)};
  std::vector<uintptr_t> weights;
  for (const gguf::TensorInfo& tensor : engine.model().file().tensors())
    weights.push_back(reinterpret_cast<uintptr_t>(tensor.data));
  std::ranges::sort(weights);
  outcome.weights_resident = resident_of(env.read_text("/proc/self/smaps").value_or(""), weights);
  const MemoryBytes& planned = outcome.planned;
  outcome.as_planned = outcome.resident <= planned.total() + kProgramBytesMax;
  return outcome;
}

std::string to_line(const MemoryOutcome& outcome) {
  std::string line =
      fmt::format("memory {} planned, {} resident", format_bytes(outcome.planned.total()), format_bytes(outcome.resident));
  if (outcome.weights_resident > 0)
    line += fmt::format(", weights {} of {}", format_bytes(outcome.weights_resident), format_bytes(outcome.planned.weights));
  return line;
}

}  // namespace lupo
