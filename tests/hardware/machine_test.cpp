#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hardware/machine.h"

namespace lupo {
namespace {

using testing::HasSubstr;

TEST(MachineJson, RoundTrip) {
  Machine machine = *probe(RecordedEnv(std::string(LUPO_TESTS_DIR) + "/machines/two_rtx_3090"));
  machine.measured = {.read_gbps = 21.5,
                      .threads = 2,
                      .by_threads = {{1, 12.5}, {2, 21.5}},
                      .gather_1m_gbps = 20,
                      .gather_4k_gbps = 5.5,
                      .disk_read_gbps = 1.25};
  machine.ram.nominal_gbps = 51.2;
  machine.ram.nominal_basis = "computed";
  const Result<Machine> read = machine_from_json(to_json(machine));
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(*read, machine);
  const Result<Measured> measured = measured_from_json(to_json(machine.measured));
  ASSERT_TRUE(measured) << measured.error().what;
  EXPECT_EQ(*measured, machine.measured);
}

// As it was before there were GPUs: what is left out is unknown.
TEST(MachineJson, OnlyProcessorAndMemoryMustBeThere) {
  const Result<Machine> read = machine_from_json(R"({
    "cpu": {"model": "x", "architecture": "x86_64", "n_online": 8, "n_logical": 8, "n_physical": 4, "n_fast": 0, "quota_cores": 0,
            "isa": ["avx2"], "l1d_bytes": 0, "l2_bytes": 0, "l3_bytes": 0},
    "ram": {"total_bytes": 8, "available_bytes": 4, "limit_bytes": 0, "swap_total_bytes": 0, "swap_free_bytes": 0}})");
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(read->cpu.n_physical, 4);
  EXPECT_TRUE(read->gpus.empty());
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
  EXPECT_THAT(error("\"gpus\": []", "\"gpus\": {}"), HasSubstr("\"gpus\" must be an array"));
  EXPECT_THAT(error("\"gpus\": []", "\"gpus\": [1]"), HasSubstr("\"gpus\" must be an object"));
  EXPECT_THAT(error("\"gpus\": []", "\"gpus\": [{\"name\": \"x\", \"memory_bytes\": -1}]"), HasSubstr("memory_bytes"));
  EXPECT_THAT(error("\"numa\": []", "\"numa\": [{\"id\": 0, \"cpus\": [-1]}]"), HasSubstr("cpus"));
  EXPECT_THAT(error("\"disk_read_gbps\": 0.0", "\"disk_read_gbps\": null"), HasSubstr("disk_read_gbps"));
  for (const char* text : {"", "[]", "{", "null", "\xff"}) EXPECT_FALSE(machine_from_json(text)) << text;
}

}  // namespace
}  // namespace lupo
