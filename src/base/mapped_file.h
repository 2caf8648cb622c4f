// A regular file mapped read-only.
//
// open() never blocks: FIFOs, devices and directories are refused. Should the file shrink while it is mapped, the missing
// pages read as zeros instead of ending the process with SIGBUS, and check_intact() returns an error from then on: callers
// that computed with the bytes ask it before they trust the result. Reading and check_intact() are thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

namespace lupo {

class MappedFile {
 public:
  // Errors: {model, file-missing | file-denied | file-kind | file-empty | file-unreadable | file-changed}, with the path.
  static Result<MappedFile> open(const std::string& path);
  MappedFile(MappedFile&&) noexcept;
  MappedFile& operator=(MappedFile&&) noexcept;
  ~MappedFile();

  const std::string& path() const;
  std::span<const std::byte> bytes() const;  // never empty; page-aligned

  // {model, file-truncated} once a page could not be read, or when the file is now smaller than its mapping.
  Result<void> check_intact() const;

  // Hints about bytes [offset, offset + length); whatever lies outside the file is ignored.
  void advise_sequential(size_t offset, size_t length) const;
  void advise_willneed(size_t offset, size_t length) const;

 private:
  struct State;
  explicit MappedFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lupo
