// How fast this machine reads memory and disks. 1e9 bytes a second throughout; 0 = could not be measured.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "hardware/machine.h"

namespace lupo {

// Plain sequential reads of a buffer much larger than the caches, `threads` threads (not pinned: the engine's are not), best of
// several passes within about `seconds`. Allocates bytes_max (less on a small machine) and frees it; 0 when it cannot.
double measure_read_gbps(int threads, double seconds, int64_t bytes_max);
// The same over memory that is there already, such as a mapped model file: costs no memory. Below a few times the last cache
// level it measures that cache.
double measure_read_gbps(int threads, double seconds, std::span<const std::byte> bytes);

// A buffer for measure_read_gbps that the last-level cache cannot hold: 256 MiB or 4 × all of L3, at most an eighth of available
// memory.
int64_t bandwidth_buffer_bytes(const Machine& machine);

// 1, 2, 4, … below n_threads, then n_threads.
std::vector<int> roof_threads(int n_threads);

// The buffer of several measurements: allocating and touching it takes longer than one of them.
class ReadBuffer {
 public:
  // Each of `threads` threads touches a part first, which places it in memory near that thread.
  ReadBuffer(int threads, int64_t bytes_max);
  ~ReadBuffer();
  ReadBuffer(const ReadBuffer&) = delete;
  ReadBuffer& operator=(const ReadBuffer&) = delete;

  double read_gbps(int threads, double seconds) const;
  // Blocks of block_bytes (a multiple of 256) in random order, each thread in a part of the buffer of its own.
  double gather_gbps(int threads, double seconds, int64_t block_bytes) const;
  int64_t bytes() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
};

// Read rates of this machine within about `seconds`: by thread count, and gathers with all usable threads. No disk.
Measured measure_memory(const Machine& machine, double seconds);

// Reads a new file of `folder` past the page cache: written, flushed and read with O_DIRECT in blocks of 1 MiB by four threads,
// then removed. bytes_max is cut to a quarter of the free space and to what is written within 3 s.
// Errors {hardware, disk-unmeasured}: no file can be written there, or the file system has no reads past its cache (tmpfs).
Result<double> measure_disk_read_gbps(const std::string& folder, int64_t bytes_max);

// Of a file that is there, past the page cache: blocks of 1 MiB from its beginning by four threads, for about `seconds`. 0 where
// it has less than 1 MiB, or a file system without such reads (tmpfs, overlay).
double measure_file_read_gbps(const std::string& path, double seconds);

}  // namespace lupo
