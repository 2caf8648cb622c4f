// Writing a file so that its name only ever stands for complete content.
//
// Bytes go to a temporary file in the same folder; commit() flushes it to the disk, renames it over `path` and flushes the
// folder. Without commit() the temporary file is removed and `path` is untouched. Not thread-safe.
// Errors: {runtime, write-failed | disk-full} with the path, the bytes wanted and the bytes there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"

namespace lupo {

class AtomicFile {
 public:
  // bytes_expected > 0 is compared with the free space first, so that a long job fails before it starts.
  static Result<AtomicFile> create(const std::string& path, int64_t bytes_expected = 0);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  Result<void> write(std::span<const std::byte> bytes);
  Result<void> commit();

  int64_t bytes_written() const { return bytes_written_; }
  const std::string& temporary_path() const { return temporary_path_; }

 private:
  AtomicFile(std::string path, std::string temporary_path, int fd);
  std::unexpected<Error> failure(std::string_view action, int error) const;

  std::string path_, temporary_path_;
  int fd_;  // −1 once committed or moved from
  int64_t bytes_written_ = 0;
};

}  // namespace lupo
