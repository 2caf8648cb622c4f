#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>

namespace lupo {
namespace {

TEST(ThreadPool, EveryThreadRunsTheJobOnce) {
  for (const int n : {1, 2, 3, 8}) {
    ThreadPool pool(n);
    ASSERT_EQ(pool.size(), n);
    std::vector<int> calls(static_cast<size_t>(n), 0);  // [n], each touched by its own thread only
    for (int round = 1; round <= 1000; ++round) {
      pool.run([&](int thread) { ++calls[static_cast<size_t>(thread)]; });
      for (const int count : calls) ASSERT_EQ(count, round);
    }
  }
}

TEST(ThreadPool, TheCallerIsThreadZero) {
  ThreadPool pool(3);
  std::thread::id ids[3];
  pool.run([&](int thread) { ids[thread] = std::this_thread::get_id(); });
  EXPECT_EQ(ids[0], std::this_thread::get_id());
  EXPECT_NE(ids[1], ids[0]);
  EXPECT_NE(ids[1], ids[2]);
}

TEST(ThreadPool, ABarrierSeparatesThePhasesOfAJob) {
  for (const int n : {1, 2, 5}) {
    ThreadPool pool(n);
    std::vector<int> values(static_cast<size_t>(n), 0);
    std::atomic<int> wrong{0};
    for (int round = 0; round < 20; ++round)
      pool.run([&](int thread) {
        for (int phase = 1; phase <= 50; ++phase) {
          values[static_cast<size_t>(thread)] = phase;
          pool.barrier();
          if (std::accumulate(values.begin(), values.end(), 0) != phase * n) ++wrong;
          pool.barrier();
        }
      });
    EXPECT_EQ(wrong, 0);
  }
}

TEST(ThreadPool, WakesAfterParking) {
  ThreadPool pool(4);
  std::atomic<int> calls{0};
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // far longer than the workers spin
    pool.run([&](int) { ++calls; });
  }
  EXPECT_EQ(calls, 20);
}

TEST(ThreadPool, ParkedThreadsUseNoCpu) {
  ThreadPool pool(4);
  pool.run([](int) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_LT(static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC, 0.05);
}

TEST(ThreadPool, IsCreatedAndDestroyedAtOnce) {
  for (int i = 0; i < 200; ++i) ThreadPool pool(4);
}

TEST(ThreadPool, FewerThanOneThreadMeansOne) {
  ThreadPool pool(0);
  int calls = 0;
  pool.run([&](int) { ++calls; });
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace lupo
