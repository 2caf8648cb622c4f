#include "runtime/roof.h"

#include <algorithm>
#include <chrono>

#include "base/thread_pool.h"
#include "hardware/bandwidth.h"
#include "hardware/machine.h"

namespace lupo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kPassSeconds = 3e-4;  // long beside the start of a job, short beside a time slice, which no thread may lose

double seconds_of(ThreadPool& pool, const cpu::PeakLoop& loop, int64_t n_rounds) {
  const auto begin = Clock::now();
  pool.run([&](int) { loop.run(n_rounds); });
  return std::max(1e-9, std::chrono::duration<double>(Clock::now() - begin).count());
}

double peak_gmacs(ThreadPool& pool, const cpu::PeakLoop& loop, double seconds) {
  if (loop.run == nullptr) return 0;
  // A pass that lost its core says nothing of how many rounds one should have: they grow whenever one is short.
  int64_t n_rounds = 1024;
  double best = 0;  // rounds a second
  const auto start = Clock::now();
  do {
    const double took = seconds_of(pool, loop, n_rounds);
    best = std::max(best, static_cast<double>(n_rounds) / took);
    if (took < kPassSeconds) n_rounds *= 2;
  } while (std::chrono::duration<double>(Clock::now() - start).count() < seconds);
  return best * static_cast<double>(loop.multiply_adds) * pool.size() / 1e9;
}

}  // namespace

Roof measure_roof(const cpu::Kernels& kernels, int n_threads, double seconds, int64_t buffer_bytes) {
  Roof roof{.threads = std::max(1, n_threads), .read_gbps = measure_read_gbps(n_threads, seconds, buffer_bytes)};
  ThreadPool pool(roof.threads);
  roof.int8_gmacs = peak_gmacs(pool, kernels.matmul.peak.int8, seconds / 5);
  roof.bf16_gmacs = peak_gmacs(pool, kernels.matmul.peak.bf16, seconds / 5);
  roof.f32_gmacs = peak_gmacs(pool, kernels.matmul.peak.f32, seconds / 5);
  return roof;
}

double measure_peak_gmacs(const cpu::PeakLoop& loop, int n_threads, double seconds) {
  ThreadPool pool(std::max(1, n_threads));
  return peak_gmacs(pool, loop, seconds);
}

Roof greater(const Roof& a, const Roof& b) {
  return {.threads = a.threads,
          .read_gbps = std::max(a.read_gbps, b.read_gbps),
          .int8_gmacs = std::max(a.int8_gmacs, b.int8_gmacs),
          .bf16_gmacs = std::max(a.bf16_gmacs, b.bf16_gmacs),
          .f32_gmacs = std::max(a.f32_gmacs, b.f32_gmacs)};
}

}  // namespace lupo
