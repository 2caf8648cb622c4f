#include "cli/ids.h"

#include <fmt/format.h>

#include <charconv>

#include "base/printable.h"

namespace lupo::cli {

Result<std::vector<TokenId>> parse_ids(const std::string& text, int64_t n_vocab) {
  std::vector<TokenId> ids;
  for (const char *at = text.data(), *end = at + text.size(); at < end;) {
    TokenId id = 0;
    const auto [next, problem] = std::from_chars(at, end, id);
    if (problem != std::errc() || (next < end && *next != ',') || (next + 1 == end && *next == ','))
      return fail(Layer::cli, "usage", fmt::format("--ids '{}' is no list of numbers", printable(text, 80)), "--ids 1,2,3");
    if (id < 0 || id >= n_vocab)
      return fail(Layer::cli, "usage", fmt::format("--ids holds {}, the vocabulary has ids 0 to {}", id, n_vocab - 1),
                  "lupo tokenize MODEL TEXT  # gives valid ids");
    ids.push_back(id);
    at = next + 1;
  }
  if (ids.empty()) return fail(Layer::cli, "usage", "--ids is empty", "--ids 1,2,3");
  return ids;
}

}  // namespace lupo::cli
