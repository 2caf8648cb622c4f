// Reads little-endian values from bytes that may end anywhere. Every advance is checked; nothing is read past the end.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace lupo::gguf {

static_assert(std::endian::native == std::endian::little, "values are copied as they lie in the file");

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  uint64_t offset() const { return offset_; }
  uint64_t remaining() const { return bytes_.size() - offset_; }

  // False, with nothing consumed, when fewer bytes remain.
  template <class T>
  bool read(T& value) {
    if (remaining() < sizeof(T)) return false;
    std::memcpy(&value, bytes_.data() + offset_, sizeof(T));
    offset_ += sizeof(T);
    return true;
  }
  bool take(uint64_t length, std::span<const std::byte>& taken) {
    if (remaining() < length) return false;
    taken = bytes_.subspan(offset_, length);
    offset_ += length;
    return true;
  }

 private:
  std::span<const std::byte> bytes_;
  uint64_t offset_ = 0;  // <= bytes_.size()
};

}  // namespace lupo::gguf
