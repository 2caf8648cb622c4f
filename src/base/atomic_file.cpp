#include "base/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/units.h"

namespace lupo {
namespace {

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

int64_t free_bytes(const std::string& folder) {  // −1 when unknown
  struct statvfs status;
  if (statvfs(folder.c_str(), &status) != 0) return -1;
  int64_t bytes;
  return __builtin_mul_overflow(status.f_bavail, status.f_frsize, &bytes) ? -1 : bytes;
}

}  // namespace

AtomicFile::AtomicFile(std::string path, std::string temporary_path, int fd)
    : path_(std::move(path)), temporary_path_(std::move(temporary_path)), fd_(fd) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_path_(std::move(other.temporary_path_)),
      fd_(std::exchange(other.fd_, -1)),
      bytes_written_(other.bytes_written_) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(temporary_path_.c_str());
}

std::unexpected<Error> AtomicFile::failure(std::string_view action, int error) const {
  const int64_t free = free_bytes(folder_of(path_));
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return fail(Layer::runtime, full ? "disk-full" : "write-failed",
              fmt::format("{}: {} after {} bytes: {} ({} free in {})", path_, action, bytes_written_, std::strerror(error),
                          free < 0 ? "unknown space" : format_bytes(free), folder_of(path_)),
              full ? "free some space or choose another folder" : "check the folder and the disk");
}

Result<AtomicFile> AtomicFile::create(const std::string& path, int64_t bytes_expected) {
  static std::atomic<unsigned> counter{0};
  const std::string temporary = fmt::format("{}.tmp-{}-{}", path, getpid(), counter.fetch_add(1));
  const std::string folder = folder_of(path);
  if (const int64_t free = free_bytes(folder); free >= 0 && free < bytes_expected)
    return fail(Layer::runtime, "disk-full",
                fmt::format("{}: needs {} ({} bytes), {} has {} free", path, format_bytes(bytes_expected), bytes_expected, folder,
                            format_bytes(free)),
                "free some space or choose another folder");
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0)
    return fail(Layer::runtime, "write-failed", fmt::format("{}: cannot be created: {}", temporary, std::strerror(errno)),
                "choose a folder that exists and is writable");
  return AtomicFile(path, temporary, fd);
}

Result<void> AtomicFile::write(std::span<const std::byte> bytes) {
  constexpr size_t kBytesPerCall = size_t{64} << 20;  // Linux itself stops at 2 GiB a call
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), std::min(bytes.size(), kBytesPerCall));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failure(fmt::format("writing {} more bytes failed", bytes.size()), n < 0 ? errno : EIO);
    bytes_written_ += n;
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return {};
}

Result<void> AtomicFile::commit() {
  if (fsync(fd_) != 0) return failure("flushing failed", errno);
  // After close() the descriptor is gone even on failure, so the temporary file is removed here.
  if (close(std::exchange(fd_, -1)) != 0 || rename(temporary_path_.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    unlink(temporary_path_.c_str());
    return failure("closing and renaming failed", error);
  }
  const int folder = ::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return failure("opening the folder to flush it failed", errno);
  // EINVAL: a file system that cannot flush folders; the content itself is on the disk.
  const bool flushed = fsync(folder) == 0 || errno == EINVAL;
  const int error = errno;
  close(folder);
  return flushed ? Result<void>{} : failure("flushing the folder failed", error);
}

}  // namespace lupo
