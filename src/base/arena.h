// One block of zeroed, page-aligned memory from the system. Pages that are never touched cost no RSS.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace lupo {

class Arena {
 public:
  Arena() = default;
  // An Error {memory, out-of-memory} names the size when the system refuses it.
  static Result<Arena> create(int64_t bytes);
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;
  ~Arena();

  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }  // as asked for

 private:
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace lupo
