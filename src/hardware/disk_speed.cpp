#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "base/printable.h"
#include "base/thread_pool.h"
#include "hardware/bandwidth.h"

namespace lupo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kBlockBytes = int64_t{1} << 20, kBytesMin = int64_t{16} << 20;
constexpr size_t kAlignment = 4096;  // of O_DIRECT: at least that of every disk's sectors
constexpr double kWriteSeconds = 3, kReadSeconds = 3;
constexpr int kReaders = 4;  // a disk of flash reaches its speed with several requests at once

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::unexpected<Error> unmeasured(const std::string& folder, std::string_view what, int error) {
  return fail(
      Layer::hardware, "disk-unmeasured",
      fmt::format("'{}': {}{}{}", printable(folder, 400), what, error == 0 ? "" : ": ", error == 0 ? "" : std::strerror(error)),
      "lupo hardware --disk FOLDER with a folder on the disk that holds the models");
}

// A file that has no name as soon as it is open, so that nothing stays behind however this ends.
struct NamelessFile {
  explicit NamelessFile(const std::string& folder) {
    std::string name = folder + "/.lupo-disk-XXXXXX";
    fd = mkostemp(name.data(), O_CLOEXEC);
    if (fd < 0) return;
    const std::string own = fmt::format("/proc/self/fd/{}", fd);
    direct = open(own.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
    direct_error = direct < 0 ? errno : 0;
    unlink(name.c_str());
  }
  ~NamelessFile() {
    for (const int one : {fd, direct})
      if (one >= 0) close(one);
  }
  NamelessFile(const NamelessFile&) = delete;
  NamelessFile& operator=(const NamelessFile&) = delete;

  int fd = -1, direct = -1, direct_error = 0;
};

using Block = std::unique_ptr<std::byte, void (*)(void*)>;

Block allocate_block() { return {static_cast<std::byte*>(std::aligned_alloc(kAlignment, kBlockBytes)), std::free}; }

// Noise, so that neither file system nor disk can make it smaller. Xorshift (Marsaglia 2003).
void fill_with_noise(std::byte* block, uint64_t& state) {
  for (int64_t at = 0; at < kBlockBytes; at += 8) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    std::memcpy(block + at, &state, 8);
  }
}

// The bytes written within bytes_max and kWriteSeconds; −1 on failure, with errno.
int64_t write_noise(int fd, int64_t bytes_max) {
  const Block block = allocate_block();
  if (!block) return -1;
  uint64_t state = 0x9e3779b97f4a7c15;
  int64_t bytes = 0;
  for (const auto start = Clock::now(); bytes + kBlockBytes <= bytes_max;) {
    fill_with_noise(block.get(), state);
    if (pwrite(fd, block.get(), kBlockBytes, bytes) != kBlockBytes) return -1;
    bytes += kBlockBytes;
    // Flushed piece by piece: a page cache takes in any amount at once and keeps us waiting at the end.
    if (bytes % (16 * kBlockBytes) == 0 && fdatasync(fd) != 0) return -1;
    if (bytes >= kBytesMin && seconds_since(start) > kWriteSeconds) break;
  }
  return fdatasync(fd) == 0 ? bytes : -1;
}

double read_direct(int fd, int64_t bytes, double seconds_max) {
  std::atomic<int64_t> next{0}, done{0};
  std::atomic<bool> failed{false};
  const auto start = Clock::now();
  ThreadPool(kReaders).run([&](int) {
    const Block block = allocate_block();
    while (block && !failed && seconds_since(start) < seconds_max) {
      const int64_t at = next.fetch_add(kBlockBytes);
      if (at >= bytes) return;
      if (pread(fd, block.get(), kBlockBytes, at) != kBlockBytes) failed = true;
      done += kBlockBytes;
    }
  });
  return failed ? 0 : static_cast<double>(done) / std::max(seconds_since(start), 1e-9) / 1e9;
}

}  // namespace

Result<double> measure_disk_read_gbps(const std::string& folder, int64_t bytes_max) {
  struct statvfs space {};
  if (statvfs(folder.c_str(), &space) != 0) return unmeasured(folder, "no file system can be asked", errno);
  const int64_t free_bytes = static_cast<int64_t>(space.f_bavail) * static_cast<int64_t>(space.f_frsize);
  const int64_t bytes_wanted = std::min(bytes_max, free_bytes / 4) / kBlockBytes * kBlockBytes;
  if (bytes_wanted < kBytesMin) return unmeasured(folder, "less than 64 MiB are free", 0);
  const NamelessFile file(folder);
  if (file.fd < 0) return unmeasured(folder, "no file can be written", errno);
  if (file.direct < 0) return unmeasured(folder, "the file system has no reads past its cache", file.direct_error);
  const int64_t bytes = write_noise(file.fd, bytes_wanted);
  if (bytes <= 0) return unmeasured(folder, "the file cannot be written", errno);
  posix_fadvise(file.fd, 0, bytes, POSIX_FADV_DONTNEED);
  const double gbps = read_direct(file.direct, bytes, kReadSeconds);
  if (gbps <= 0) return unmeasured(folder, "the file cannot be read past the cache", 0);
  return gbps;
}

double measure_file_read_gbps(const std::string& path, double seconds) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return 0;
  struct stat status {};
  const bool is_file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  const int64_t bytes = is_file ? status.st_size / kBlockBytes * kBlockBytes : 0;
  const double gbps = bytes > 0 ? read_direct(fd, bytes, seconds) : 0;
  close(fd);
  return gbps;
}

}  // namespace lupo
