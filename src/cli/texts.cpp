#include "cli/texts.h"

#include <fmt/format.h>

#include "base/printable.h"
#include "cli/engine_options.h"

namespace lupo::cli {

Result<std::vector<std::string>> read_lines(const std::string& path, std::string_view option) {
  TRY_ASSIGN(const std::string content, read_input(path, option));
  std::vector<std::string> lines;
  for (size_t at = 0; at < content.size();) {
    const size_t end = std::min(content.find('\n', at), content.size());
    std::string line = content.substr(at, end - at);
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(std::move(line));
    at = end + 1;
  }
  if (lines.empty())
    return fail(Layer::cli, "file-empty", fmt::format("{}: '{}' is empty", option, printable(path, 400)), "one text a line");
  return lines;
}

Result<void> check_not_empty(std::span<const std::vector<TokenId>> texts) {
  for (size_t i = 0; i < texts.size(); ++i)
    if (texts[i].empty())
      return fail(Layer::runtime, "empty-text", fmt::format("text {} has no tokens", i + 1), "leave empty texts and lines out");
  return {};
}

}  // namespace lupo::cli
