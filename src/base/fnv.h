// FNV-1a in 64 bits (draft-eastlake-fnv): names for files and quick comparison, no defence against anybody.
#pragma once

#include <cstdint>

namespace lupo {

class Fnv1a {
 public:
  // Bytes of any range of characters, bytes or unsigned bytes; several calls are one text.
  void add(const auto& bytes) {
    for (const auto byte : bytes) hash_ = (hash_ ^ static_cast<uint8_t>(byte)) * 0x100000001b3;
  }
  uint64_t value() const { return hash_; }

 private:
  uint64_t hash_ = 0xcbf29ce484222325;
};

}  // namespace lupo
