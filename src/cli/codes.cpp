#include "cli/codes.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/printable.h"

namespace lupo::cli {

namespace {

std::vector<CodeEntry> sorted_codes() {
  std::vector<CodeEntry> codes = {
#include "cli/codes/cli.inc"
#include "cli/codes/hardware.inc"
#include "cli/codes/memory.inc"
#include "cli/codes/model.inc"
#include "cli/codes/no_layer.inc"
#include "cli/codes/quantization.inc"
#include "cli/codes/runtime.inc"
  };
  const auto key = [](const CodeEntry& entry) { return std::tuple(!entry.layer, entry.layer.value_or(Layer::cli), entry.code); };
  std::ranges::sort(codes, {}, key);
  return codes;
}

}  // namespace

std::span<const CodeEntry> all_codes() {
  static const std::vector<CodeEntry> codes = sorted_codes();
  return codes;
}

std::string full_name(const CodeEntry& entry) {
  return entry.layer ? fmt::format("{}/{}", layer_name(*entry.layer), entry.code) : std::string(entry.code);
}

std::string_view first_sentence(const CodeEntry& entry) {
  const size_t end = entry.means.find(". ");
  return end == std::string_view::npos ? entry.means : entry.means.substr(0, end + 1);
}

std::vector<std::string_view> kind_names(unsigned kinds) {
  std::vector<std::string_view> names;
  if ((kinds & kError) != 0) names.push_back("error");
  if ((kinds & kFinding) != 0) names.push_back("finding");
  if ((kinds & kVerdict) != 0) names.push_back("verdict");
  return names;
}

Result<std::vector<const CodeEntry*>> find_codes(std::string_view name) {
  std::string wanted = in_lower_case(name);
  if (const size_t open = wanted.find('['); open != std::string::npos) wanted = wanted.substr(open + 1);
  wanted = wanted.substr(0, wanted.find(']'));
  std::vector<const CodeEntry*> found;
  for (const CodeEntry& entry : all_codes())
    if (entry.code == wanted || full_name(entry) == wanted) found.push_back(&entry);
  if (!found.empty()) return found;
  // Without a layer the code itself is near; with one it may be another layer's.
  std::vector<std::string> full;
  for (const CodeEntry& entry : all_codes()) full.push_back(full_name(entry));
  std::vector<std::string_view> names(full.begin(), full.end());
  for (const CodeEntry& entry : all_codes()) names.push_back(entry.code);
  std::string near = did_you_mean(wanted, names);
  if (near.empty()) near = did_you_mean(wanted.substr(wanted.find('/') + 1), names);
  const std::string hint = near.empty() ? "" : fmt::format("; did you mean {}?", near);
  return fail(Layer::cli, "unknown-code", fmt::format("'{}' is no code of an error or finding{}", printable(name, 80), hint),
              near.empty() ? "lupo explain  # lists all" : fmt::format("lupo explain {}", near));
}

}  // namespace lupo::cli
