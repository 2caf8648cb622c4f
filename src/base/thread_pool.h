// A fixed set of threads that run one job together, many times a second.
//
// The caller of run() is thread 0 and takes part. Between jobs the others spin for a short while, then park on a futex, so
// that a token loop pays no system call and an idle process burns no core. barrier() may be called inside a job by all
// threads. One job at a time; run() is not reentrant and not for use from several threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace lupo {

class ThreadPool {
 public:
  explicit ThreadPool(int n_threads);  // n_threads >= 1
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return n_threads_; }

  // Calls job(thread_index) on every thread, 0 ≤ thread_index < size(), and returns when all have returned.
  template <class Job>
  void run(Job&& job) {
    using Plain = std::remove_reference_t<Job>;
    run_erased([](void* context, int thread) { (*static_cast<Plain*>(context))(thread); },
               const_cast<void*>(static_cast<const void*>(&job)));
  }

  // All threads of the running job wait here for each other. The last to arrive calls `serial` before any goes on: short work
  // between two parallel parts then costs no second barrier.
  template <class Serial>
  void barrier(Serial&& serial) {
    if (n_threads_ == 1) return serial();
    const uint32_t phase = phase_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) != n_threads_ - 1) return wait_for_phase(phase);
    serial();
    arrived_.store(0, std::memory_order_relaxed);
    phase_.fetch_add(1, std::memory_order_release);
  }
  void barrier() {
    barrier([] {});
  }

 private:
  using Entry = void (*)(void* context, int thread);
  void run_erased(Entry entry, void* context);
  void work(int thread);
  void wait_for_phase(uint32_t phase);

  int n_threads_;
  Entry entry_ = nullptr;
  void* context_ = nullptr;
  alignas(64) std::atomic<uint32_t> generation_{0};  // bumped to start a job
  alignas(64) std::atomic<int> running_{0};          // workers still inside the job
  alignas(64) std::atomic<int> arrived_{0};          // at the barrier
  alignas(64) std::atomic<uint32_t> phase_{0};       // of the barrier
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> workers_;  // n_threads_ - 1
};

}  // namespace lupo
