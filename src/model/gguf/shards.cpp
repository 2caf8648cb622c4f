#include "model/gguf/shards.h"

#include <fmt/format.h>

#include <charconv>

namespace lupo::gguf {
namespace {

std::optional<int> five_digits(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return text.size() == 5 && text[0] != '-' && error == std::errc() && end == text.data() + 5 ? std::optional(value)
                                                                                              : std::nullopt;
}

}  // namespace

std::optional<ShardName> parse_shard_name(std::string_view path) {
  constexpr std::string_view kPattern = "-00001-of-00003.gguf";
  if (path.size() < kPattern.size() || !path.ends_with(".gguf")) return std::nullopt;
  const std::string_view stem = path.substr(0, path.size() - kPattern.size()), tail = path.substr(stem.size());
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-") return std::nullopt;
  const std::optional<int> number = five_digits(tail.substr(1, 5)), count = five_digits(tail.substr(10, 5));
  if (!number || !count || *number < 1 || *number > *count) return std::nullopt;
  return ShardName{stem, *number, *count};
}

std::string shard_path(std::string_view stem, int number, int count) {
  return fmt::format("{}-{:05}-of-{:05}.gguf", stem, number, count);
}

}  // namespace lupo::gguf
