#include "hardware/bandwidth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "base/units.h"
#include "test_folder.h"

namespace lupo {
namespace {

using testing::AllOf;
using testing::Gt;
using testing::Lt;

// A real memory does not read slower than a disk of the nineties or faster than any CPU's: a folded loop would.
const auto kPlausible = AllOf(Gt(0.05), Lt(2000.0));

double seconds_of(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST(Bandwidth, IsMeasuredWithinItsTime) {
  double gbps = 0;
  EXPECT_LT(seconds_of([&] { gbps = measure_read_gbps(2, 0.2, 64 * kMiB); }), 5);
  EXPECT_THAT(gbps, kPlausible);
}

TEST(Bandwidth, OfMemoryThatIsThere) {
  const std::vector<std::byte> bytes((4 << 20) + 77, std::byte{1});
  EXPECT_GT(measure_read_gbps(2, 0, std::span(bytes).subspan(3)), 0.05) << "unaligned, and no multiple of anything";
  EXPECT_EQ(measure_read_gbps(2, 0, std::span(bytes).first(100)), 0) << "less than a line a stream";
}

TEST(Bandwidth, BufferOutgrowsTheCacheAndSparesTheMemory) {
  Machine m;
  m.ram.available_bytes = 64 * kGiB;
  m.cpu.l3_bytes = 96 * kMiB;
  EXPECT_EQ(bandwidth_buffer_bytes(m), 384 * kMiB);
  m.cpu.l3_total_bytes = 192 * kMiB;
  EXPECT_EQ(bandwidth_buffer_bytes(m), 768 * kMiB);
  m.ram.available_bytes = 512 * kMiB;
  EXPECT_EQ(bandwidth_buffer_bytes(m), 64 * kMiB);
}

TEST(Bandwidth, GathersReadEveryBlock) {
  const ReadBuffer buffer(2, 24 * kMiB);
  EXPECT_EQ(buffer.bytes(), 24 * kMiB);
  for (const int threads : {1, 2, 3})
    for (const int64_t block_bytes : {kMiB, 4 * kKiB, 256 * int64_t{1}})
      EXPECT_THAT(buffer.gather_gbps(threads, 0.01, block_bytes), kPlausible) << threads << " " << block_bytes;
  EXPECT_EQ(buffer.gather_gbps(1, 0.01, 25 * kMiB), 0) << "no such block";
}

TEST(Bandwidth, EveryThreadCountIsMeasured) {
  Machine m;
  m.cpu.n_physical = 3;
  m.ram.available_bytes = 256 * kMiB;
  Measured measured;
  EXPECT_LT(seconds_of([&] { measured = measure_memory(m, 0.3); }), 10);
  ASSERT_EQ(measured.by_threads.size(), 3u);
  EXPECT_EQ(measured.by_threads[0].threads, 1);
  EXPECT_EQ(measured.by_threads[1].threads, 2);
  EXPECT_EQ(measured.by_threads[2].threads, 3);
  EXPECT_EQ(measured.threads, 3);
  EXPECT_EQ(measured.read_gbps, measured.by_threads[2].gbps);
  for (const double gbps : {measured.read_gbps, measured.gather_1m_gbps, measured.gather_4k_gbps}) EXPECT_THAT(gbps, kPlausible);
  EXPECT_EQ(measured.disk_read_gbps, 0);
}

TEST(DiskSpeed, LeavesNothingBehind) {
  const TestFolder folder;
  const Result<double> gbps = measure_disk_read_gbps(folder.path(), 32 * kMiB);
  if (gbps)
    EXPECT_THAT(*gbps, AllOf(Gt(0.0001), Lt(200.0)));
  else
    EXPECT_EQ(gbps.error().code, "disk-unmeasured") << "the temporary folder may be one of memory";
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(DiskSpeed, SaysWhyNot) {
  for (const char* folder : {"/nonexistent", "/proc"}) {
    const Result<double> gbps = measure_disk_read_gbps(folder, 32 * kMiB);
    ASSERT_FALSE(gbps) << folder;
    EXPECT_EQ(gbps.error().code, "disk-unmeasured");
    EXPECT_EQ(gbps.error().layer, Layer::hardware);
  }
}

}  // namespace
}  // namespace lupo
