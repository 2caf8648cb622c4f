// Names of the files of a split model: "<stem>-00001-of-00003.gguf", numbered from 1.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lupo::gguf {

struct ShardName {
  std::string_view stem;  // what stands before the number, with the folder
  int number;             // 1…count
  int count;
};

// Nothing when the name has no such end, or a number outside 1…count.
std::optional<ShardName> parse_shard_name(std::string_view path);

std::string shard_path(std::string_view stem, int number, int count);

}  // namespace lupo::gguf
