// Memory in pages of the size that a mapped file has: translating their addresses is part of what reading a model costs, and
// anonymous memory of huge pages would be read up to twice as fast.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace lupo {

class FilePages {
 public:
  // `size` bytes of `value`; in ordinary memory where the system has no files in memory (memfd_create(2)).
  FilePages(size_t size, std::byte value);
  ~FilePages();
  FilePages(const FilePages&) = delete;
  FilePages& operator=(const FilePages&) = delete;
  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  size_t size_;
  std::byte* data_ = nullptr;
  std::vector<std::byte> heap_;  // owns data_ where nothing is mapped
};

}  // namespace lupo
