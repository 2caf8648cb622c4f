#include "base/arena.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <utility>

#include "base/units.h"

namespace lupo {

Result<Arena> Arena::create(int64_t bytes) {
  Arena arena;
  if (bytes <= 0) return arena;
  void* address =
      mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED)
    return fail(Layer::memory, "out-of-memory", fmt::format("the system refused {}", format_bytes(bytes)),
                "--ctx with a smaller number, or --kv-type q8_0");
  arena.data_ = static_cast<std::byte*>(address);
  arena.bytes_ = bytes;
  return arena;
}

Arena::Arena(Arena&& other) noexcept : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Arena::~Arena() {
  if (data_ != nullptr) munmap(data_, static_cast<size_t>(bytes_));
}

}  // namespace lupo
