#include "base/thread_pool.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace lupo {
namespace {

void pause_cpu() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// About 50 µs of pauses: longer than the gap between two tokens' jobs, shorter than anybody notices as load.
constexpr int kSpins = 2000;
// With more threads than cores a spinning thread may hold the core that the awaited one needs, so a barrier yields too.
constexpr int kSpinsBeforeYield = 2000;

}  // namespace

ThreadPool::ThreadPool(int n_threads) : n_threads_(n_threads < 1 ? 1 : n_threads) {
  for (int thread = 1; thread < n_threads_; ++thread) workers_.emplace_back([this, thread] { work(thread); });
}

ThreadPool::~ThreadPool() {
  stopping_.store(true);
  generation_.fetch_add(1);
  generation_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::run_erased(Entry entry, void* context) {
  if (n_threads_ == 1) return entry(context, 0);
  entry_ = entry;
  context_ = context;
  running_.store(n_threads_ - 1, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  entry(context, 0);
  for (int spins = 0; running_.load(std::memory_order_acquire) != 0; ++spins)
    spins < kSpinsBeforeYield ? pause_cpu() : std::this_thread::yield();
}

void ThreadPool::work(int thread) {
  uint32_t seen = 0;
  for (;;) {
    for (int spins = 0; generation_.load(std::memory_order_acquire) == seen;) {
      if (++spins < kSpins)
        pause_cpu();
      else
        generation_.wait(seen, std::memory_order_acquire);
    }
    seen = generation_.load(std::memory_order_acquire);
    if (stopping_.load()) return;
    entry_(context_, thread);
    running_.fetch_sub(1, std::memory_order_release);
  }
}

void ThreadPool::wait_for_phase(uint32_t phase) {
  for (int spins = 0; phase_.load(std::memory_order_acquire) == phase; ++spins)
    spins < kSpinsBeforeYield ? pause_cpu() : std::this_thread::yield();
}

}  // namespace lupo
