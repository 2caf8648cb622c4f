// Builds GGUF bytes with any lie in any field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/gguf/gguf.h"

namespace lupo::gguf {

struct RawGguf {
  std::string bytes;

  // A header with these counts; the keys and tensors are appended by the caller.
  RawGguf(uint64_t n_tensors, uint64_t n_keys, uint32_t version = 3) {
    bytes = "GGUF";
    put(version).put(n_tensors).put(n_keys);
  }
  template <class T>
  RawGguf& put(T value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
    return *this;
  }
  RawGguf& text(std::string_view value) {
    put(uint64_t{value.size()});
    bytes += value;
    return *this;
  }
  RawGguf& key(std::string_view name, ValueType type) { return text(name).put(static_cast<uint32_t>(type)); }
  RawGguf& tensor(std::string_view name, const std::vector<uint64_t>& dim, uint32_t type, uint64_t offset) {
    text(name).put(static_cast<uint32_t>(dim.size()));
    for (const uint64_t d : dim) put(d);
    return put(type).put(offset);
  }
  RawGguf& pad(size_t alignment = 32) {
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
    return *this;
  }
  RawGguf& zeros(size_t n) {
    bytes.append(n, '\0');
    return *this;
  }
  std::vector<std::byte> vector() const {
    const auto all = std::as_bytes(std::span(bytes));
    return {all.begin(), all.end()};
  }
  Result<File> open() const { return File::from_bytes(vector(), "test.gguf"); }
};

}  // namespace lupo::gguf
