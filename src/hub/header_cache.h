// Headers of remote files, kept between runs in the user's cache folder: one file for an address, bounded together.
#pragma once

#include <optional>
#include <string>

#include "model/gguf/gguf.h"

namespace lupo {

struct CachedHead {
  std::string validator;  // what must be the same for it to hold: a hash of the file, or its ETag
  gguf::Head head;
};

class HeaderCache {
 public:
  static constexpr int64_t kBytesMax = int64_t{512} << 20;  // of all files; the oldest go first

  explicit HeaderCache(std::string folder) : folder_(std::move(folder)) {}  // "": none

  // Nothing when there is none, or when it is not what save() wrote for this address.
  std::optional<CachedHead> find(const std::string& address) const;
  // Replaces the file as a whole. What cannot be written is not kept; addresses with a query, which may hold secrets, are not.
  void save(const std::string& address, const CachedHead& cached, int64_t bytes_max = kBytesMax) const;

 private:
  std::string file_of(const std::string& address) const;
  std::string folder_;
};

}  // namespace lupo
