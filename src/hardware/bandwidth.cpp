#include "hardware/bandwidth.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

namespace lupo {
namespace {

using Clock = std::chrono::steady_clock;
using Words = int64_t __attribute__((vector_size(16)));  // the register that every CPU of an architecture has

// Four streams and a prefetch 1 KiB ahead keep the most misses in flight: 23.5 GB/s against 20 for one plain stream, measured on
// two Cascade Lake cores. Wider registers changed nothing there, so this needs no instruction set of its own.
constexpr int64_t kStreams = 4, kLineBytes = 64, kPrefetchBytes = 1024;

Words xor_line(const std::byte* line) {
  const Words* words = reinterpret_cast<const Words*>(line);
  return (words[0] ^ words[1]) ^ (words[2] ^ words[3]);
}

// Reads `bytes` (a multiple of kStreams · kLineBytes) once. The xor of all words goes into an asm operand, so that no compiler
// may leave a load out. A block among others is read without prefetch, which would fetch what follows it.
template <int64_t prefetch_bytes = kPrefetchBytes>
void read_once(const std::byte* data, int64_t bytes) {
  Words sum[kStreams] = {};
  const int64_t stream_bytes = bytes / kStreams;
  for (int64_t at = 0; at < stream_bytes; at += kLineBytes) {
#pragma GCC unroll 4
    for (int64_t s = 0; s < kStreams; ++s) {
      const std::byte* line = data + s * stream_bytes + at;
      if constexpr (prefetch_bytes > 0) __builtin_prefetch(line + prefetch_bytes);
      sum[s] ^= xor_line(line);
    }
  }
  const Words all = (sum[0] ^ sum[1]) ^ (sum[2] ^ sum[3]);
  asm volatile("" : : "m"(all) : "memory");
}

// `read` is called on every thread, again and again; each call reads `bytes` per thread.
template <class Read>
double best_pass_gbps(int threads, int64_t bytes, double seconds, const Read& read) {
  ThreadPool pool(threads);
  double best = 0;
  const auto start = Clock::now();
  do {
    const auto begin = Clock::now();
    pool.run(read);
    const double pass = std::chrono::duration<double>(Clock::now() - begin).count();
    best = std::max(best, static_cast<double>(bytes) * threads / std::max(pass, 1e-9) / 1e9);
  } while (std::chrono::duration<double>(Clock::now() - start).count() < seconds);
  return best;
}

constexpr int64_t kUnit = kStreams * kLineBytes;

// Each thread reads its share of `data` once a pass.
double best_read_gbps(int threads, const std::byte* data, int64_t bytes, double seconds) {
  const int64_t share = bytes / threads / kUnit * kUnit;
  if (share == 0) return 0;
  return best_pass_gbps(threads, share, seconds, [&](int thread) { read_once(data + thread * share, share); });
}

}  // namespace

double measure_read_gbps(int threads, double seconds, std::span<const std::byte> bytes) {
  const auto address = reinterpret_cast<uintptr_t>(bytes.data());
  const size_t skip = std::min(bytes.size(), static_cast<size_t>((kLineBytes - address % kLineBytes) % kLineBytes));
  return best_read_gbps(std::max(1, threads), bytes.data() + skip, static_cast<int64_t>(bytes.size() - skip), seconds);
}

double measure_read_gbps(int threads, double seconds, int64_t bytes_max) {
  return ReadBuffer(threads, bytes_max).read_gbps(threads, seconds);
}

ReadBuffer::ReadBuffer(int threads, int64_t bytes_max) {
  threads = std::max(1, threads);
  const int64_t free_bytes = static_cast<int64_t>(sysconf(_SC_AVPHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  constexpr int64_t kChunk = int64_t{1} << 20;  // a thread's share is a multiple, so streams divide evenly
  const int64_t share = std::max(kChunk, std::min(bytes_max, free_bytes / 4) / threads / kChunk * kChunk);
  const size_t total = static_cast<size_t>(share) * static_cast<size_t>(threads);
  void* mapped = mmap(nullptr, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return;
  madvise(mapped, total, MADV_HUGEPAGE);  // fewer TLB misses: the roof is what memory gives, not what page tables cost
  data_ = static_cast<std::byte*>(mapped);
  bytes_ = static_cast<int64_t>(total);
  ThreadPool(threads).run([&](int thread) { std::memset(data_ + thread * share, 1, static_cast<size_t>(share)); });
}

ReadBuffer::~ReadBuffer() {
  if (data_ != nullptr) munmap(data_, static_cast<size_t>(bytes_));
}

double ReadBuffer::read_gbps(int threads, double seconds) const {
  return best_read_gbps(std::max(1, threads), data_, bytes_, seconds);
}

double ReadBuffer::gather_gbps(int threads, double seconds, int64_t block_bytes) const {
  threads = std::max(1, threads);
  const int64_t n_blocks = bytes_ / threads / block_bytes;  // a thread's
  if (n_blocks == 0) return 0;
  // Odd steps of a power-of-two congruence visit each block once in an order that no prefetcher follows (Knuth, TAOCP 3.2.1.2).
  int64_t period = 1;
  while (period < n_blocks) period *= 2;
  const auto read = [&](int thread) {
    const std::byte* part = data_ + thread * n_blocks * block_bytes;
    uint64_t at = static_cast<uint64_t>(thread);
    for (int64_t i = 0; i < period; ++i) {
      at = (at * 6364136223846793005u + 1442695040888963407u) & static_cast<uint64_t>(period - 1);
      if (static_cast<int64_t>(at) < n_blocks) read_once<0>(part + static_cast<int64_t>(at) * block_bytes, block_bytes);
    }
  };
  return best_pass_gbps(threads, n_blocks * block_bytes, seconds, read);
}

std::vector<int> roof_threads(int n_threads) {
  std::vector<int> counts;
  for (int n = 1; n < n_threads; n *= 2) counts.push_back(n);
  counts.push_back(std::max(1, n_threads));
  return counts;
}

Measured measure_memory(const Machine& machine, double seconds) {
  Measured measured;
  measured.threads = machine.usable_threads();
  const ReadBuffer buffer(measured.threads, bandwidth_buffer_bytes(machine));
  for (const int n : roof_threads(measured.threads)) measured.by_threads.push_back({n, 0});
  // In rounds, and the best of each: other processes only ever take away, and rarely all the time.
  constexpr int kRounds = 3;
  const double each = seconds / kRounds / static_cast<double>(measured.by_threads.size() + 2);
  const auto keep_best = [](double& best, double gbps) { best = std::max(best, gbps); };
  for (int round = 0; round < kRounds; ++round) {
    for (ReadRate& rate : measured.by_threads) keep_best(rate.gbps, buffer.read_gbps(rate.threads, each));
    keep_best(measured.gather_1m_gbps, buffer.gather_gbps(measured.threads, each, int64_t{1} << 20));
    keep_best(measured.gather_4k_gbps, buffer.gather_gbps(measured.threads, each, int64_t{4} << 10));
  }
  measured.read_gbps = measured.by_threads.back().gbps;
  return measured;
}

int64_t bandwidth_buffer_bytes(const Machine& machine) {
  const int64_t wanted = std::max(int64_t{256} << 20, 4 * std::max(machine.cpu.l3_bytes, machine.cpu.l3_total_bytes));
  return std::min(wanted, std::max(int64_t{16} << 20, machine.ram.available_bytes / 8));
}

}  // namespace lupo
