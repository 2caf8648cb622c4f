#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "hardware/bandwidth.h"
#include "hardware/machine.h"

namespace lupo {
namespace {

using testing::HasSubstr;

TEST(MachineJson, RoundTrip) {
  for (const char* name : {"xeon_2core", "hybrid_intel", "cgroup_v2_quota", "raspberry_pi_5"}) {
    Machine machine = *probe(RecordedEnv(std::string(LUPO_TESTS_DIR) + "/machines/" + name));
    machine.measured = {.read_gbps = 21.5, .threads = 2};
    const Result<Machine> read = machine_from_json(to_json(machine));
    ASSERT_TRUE(read) << read.error().what;
    EXPECT_EQ(*read, machine) << name;
  }
}

TEST(MachineJson, FaultsNameTheField) {
  const std::string good = to_json(Machine{});
  const auto error = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    const Result<Machine> machine = machine_from_json(text.replace(at, from.size(), to));
    return machine ? "" : machine.error().code + ": " + machine.error().what;
  };
  EXPECT_THAT(error("\"n_physical\": 1", "\"n_physical\": -1"),
              HasSubstr("bad-machine: the machine's \"n_physical\" of \"cpu\" must be"));
  EXPECT_THAT(error("\"n_physical\": 1", "\"n_physical\": 18446744073709551615"), HasSubstr("n_physical"));
  EXPECT_THAT(error("\"n_physical\": 1", "\"n_physical\": \"1\""), HasSubstr("n_physical"));
  EXPECT_THAT(error("\"quota_cores\": 0.0", "\"quota_cores\": -0.5"), HasSubstr("quota_cores"));
  EXPECT_THAT(error("\"isa\": []", "\"isa\": [1]"), HasSubstr("isa"));
  EXPECT_THAT(error("\"total_bytes\"", "\"totl_bytes\""), HasSubstr("total_bytes"));
  EXPECT_THAT(error("\"ram\"", "\"rom\""), HasSubstr("\"ram\" must be an object"));
  for (const char* text : {"", "[]", "{", "null", "\xff"}) EXPECT_FALSE(machine_from_json(text)) << text;
}

// A real memory does not read slower than a disk of the nineties or faster than any CPU's: a folded loop would.
TEST(Bandwidth, IsMeasuredWithinItsTime) {
  const auto start = std::chrono::steady_clock::now();
  const double gbps = measure_read_gbps(2, 0.2, int64_t{64} << 20);
  EXPECT_GT(gbps, 0.05);
  EXPECT_LT(gbps, 2000);
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 5);
}

TEST(Bandwidth, OfMemoryThatIsThere) {
  const std::vector<std::byte> bytes((4 << 20) + 77, std::byte{1});
  EXPECT_GT(measure_read_gbps(2, 0, std::span(bytes).subspan(3)), 0.05) << "unaligned, and no multiple of anything";
  EXPECT_EQ(measure_read_gbps(2, 0, std::span(bytes).first(100)), 0) << "less than a line a stream";
}

TEST(Bandwidth, BufferOutgrowsTheCacheAndSparesTheMemory) {
  Machine m;
  m.ram.available_bytes = int64_t{64} << 30;
  m.cpu.l3_bytes = int64_t{96} << 20;
  EXPECT_EQ(bandwidth_buffer_bytes(m), int64_t{384} << 20);
  m.ram.available_bytes = int64_t{512} << 20;
  EXPECT_EQ(bandwidth_buffer_bytes(m), int64_t{64} << 20);
}

}  // namespace
}  // namespace lupo
