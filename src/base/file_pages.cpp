#include "base/file_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

namespace lupo {

FilePages::FilePages(size_t size, std::byte value) : size_(size) {
  const int fd = memfd_create("lupo", MFD_CLOEXEC);
  if (fd >= 0 && ftruncate(fd, static_cast<off_t>(size)) == 0) {
    void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED) data_ = static_cast<std::byte*>(mapped);
  }
  if (fd >= 0) close(fd);
  if (data_ == nullptr) {
    heap_.resize(size);
    data_ = heap_.data();
  }
  std::fill_n(data_, size, value);
}

FilePages::~FilePages() {
  if (heap_.empty() && size_ > 0) munmap(data_, size_);
}

}  // namespace lupo
