#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hardware/machine.h"

namespace lupo {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

Machine replay(const std::string& name) {
  const Result<Machine> machine = probe(RecordedEnv(std::string(LUPO_TESTS_DIR) + "/machines/" + name));
  EXPECT_TRUE(machine) << name << ": " << (machine ? "" : machine.error().what);
  return machine.value_or(Machine{});
}

TEST(Probe, RecordedVirtualMachine) {
  const Machine m = replay("xeon_2core");
  EXPECT_EQ(m.cpu.model, "Intel(R) Xeon(R) Processor @ 2.50GHz");
  EXPECT_EQ(m.cpu.architecture, "x86_64");
  EXPECT_EQ(m.cpu.n_online, 2);
  EXPECT_EQ(m.cpu.n_physical, 2);
  EXPECT_EQ(m.cpu.quota_cores, 0);
  EXPECT_EQ(m.cpu.l1d_bytes, 32 << 10);
  EXPECT_EQ(m.cpu.l2_bytes, 1 << 20);
  EXPECT_EQ(m.cpu.l3_bytes, int64_t{36608} << 10);
  for (const char* feature : {"avx2", "fma", "f16c", "avx512f", "avx512vnni"}) EXPECT_TRUE(m.has_isa(feature)) << feature;
  EXPECT_FALSE(m.has_isa("avx512bf16"));
  EXPECT_EQ(m.ram.total_bytes, int64_t{24684096} * 1024);
  EXPECT_EQ(m.ram.limit_bytes, 0);
  EXPECT_EQ(m.usable_threads(), 2);
  EXPECT_EQ(m.threads_reason(), "2 cores, no cgroup quota");
}

TEST(Probe, SmtSiblingsCountOnce) {
  const Machine m = replay("smt_desktop");
  EXPECT_EQ(m.cpu.n_logical, 16);
  EXPECT_EQ(m.cpu.n_physical, 8);
  EXPECT_EQ(m.usable_threads(), 8);
  EXPECT_EQ(m.threads_reason(), "8 cores (16 threads by SMT), no cgroup quota");
  EXPECT_THAT(m.cpu.isa, Contains("avx512bf16"));
  EXPECT_EQ(m.ram.swap_free_bytes, int64_t{8} << 30);
}

TEST(Probe, HybridUsesItsFastCores) {
  const Machine m = replay("hybrid_intel");
  EXPECT_EQ(m.cpu.n_physical, 16);
  EXPECT_EQ(m.cpu.n_fast, 8);
  EXPECT_EQ(m.cpu.l2_bytes, 1280 << 10) << "caches are those of a fast core";
  EXPECT_EQ(m.usable_threads(), 8);
  EXPECT_THAT(m.threads_reason(), HasSubstr("8 fast cores of 16"));
  EXPECT_THAT(m.cpu.isa, Contains("avxvnni"));
  EXPECT_THAT(m.cpu.isa, Not(Contains("avx512f")));
}

TEST(Probe, CgroupV2TakesTheSmallestLimitOfThePath) {
  const Machine m = replay("cgroup_v2_quota");
  EXPECT_DOUBLE_EQ(m.cpu.quota_cores, 1.5);
  EXPECT_EQ(m.cpu.n_physical, 4);
  EXPECT_EQ(m.usable_threads(), 2);
  EXPECT_THAT(m.threads_reason(), HasSubstr("cgroup quota 1.5 cores"));
  EXPECT_EQ(m.ram.limit_bytes, int64_t{4} << 30);
  EXPECT_EQ(m.ram.available_bytes, (int64_t{2} << 30) + (int64_t{768} << 20)) << "limit − usage + file cache";
}

TEST(Probe, CgroupV1BehindTheHostsGroupNames) {
  const Machine m = replay("cgroup_v1");
  EXPECT_DOUBLE_EQ(m.cpu.quota_cores, 3);
  EXPECT_EQ(m.usable_threads(), 3);
  EXPECT_EQ(m.ram.limit_bytes, int64_t{2} << 30);
  EXPECT_EQ(m.ram.available_bytes, int64_t{1} << 30);
}

TEST(Probe, ContainerWithoutSys) {
  const Machine m = replay("no_sys");
  EXPECT_EQ(m.cpu.n_online, 8);
  EXPECT_EQ(m.cpu.n_logical, 3);
  EXPECT_EQ(m.cpu.n_physical, 2) << "CPUs 1 and 5 are one core, 6 another";
  EXPECT_EQ(m.cpu.l3_bytes, 8 << 20) << "from /proc/cpuinfo";
  EXPECT_EQ(m.threads_reason(), "2 cores (3 threads by SMT), affinity allows 3 of 8 CPUs, no cgroup quota");
}

TEST(Probe, Arm) {
  const Machine pi = replay("raspberry_pi_5");
  EXPECT_EQ(pi.cpu.architecture, "aarch64");
  EXPECT_EQ(pi.cpu.model, "Raspberry Pi 5 Model B Rev 1.0 (Cortex-A76)");
  EXPECT_THAT(pi.cpu.isa, testing::ElementsAre("neon", "fp16", "dotprod"));
  EXPECT_EQ(pi.cpu.n_fast, 0);
  EXPECT_EQ(pi.usable_threads(), 4);

  const Machine rock = replay("rk3588");
  EXPECT_EQ(rock.cpu.model, "Radxa ROCK 5B (Cortex-A55 + Cortex-A76)");
  EXPECT_EQ(rock.cpu.n_fast, 4);
  EXPECT_EQ(rock.usable_threads(), 4);
  EXPECT_EQ(rock.cpu.l2_bytes, 512 << 10);
}

TEST(Probe, NothingToRead) {
  const Result<Machine> machine = probe(RecordedEnv("/nonexistent"));
  ASSERT_FALSE(machine);
  EXPECT_EQ(machine.error().code, "no-proc");
  EXPECT_EQ(machine.error().layer, Layer::hardware);
}

TEST(Probe, ThisMachine) {
  const Result<Machine> machine = probe(real_env());
  ASSERT_TRUE(machine) << machine.error().what;
  EXPECT_EQ(static_cast<size_t>(machine->cpu.n_logical), real_env().affinity().size());
  EXPECT_GE(machine->usable_threads(), 1);
  EXPECT_LE(machine->usable_threads(), machine->cpu.n_logical);
  EXPECT_GT(machine->ram.available_bytes, 0);
  EXPECT_LE(machine->ram.available_bytes, machine->ram.total_bytes);
}

TEST(UsableThreads, QuotaIsRoundedToTheNearestCore) {
  Machine m;
  m.cpu.n_physical = 8;
  for (const auto& [quota, threads] : {std::pair{0.2, 1}, {1.4, 1}, {1.5, 2}, {7.6, 8}, {64.0, 8}, {0.0, 8}}) {
    m.cpu.quota_cores = quota;
    EXPECT_EQ(m.usable_threads(), threads) << quota;
  }
}

TEST(CpuList, Parses) {
  using testing::ElementsAre;
  EXPECT_THAT(parse_cpu_list("0-2,8,10-11\n"), ElementsAre(0, 1, 2, 8, 10, 11));
  EXPECT_THAT(parse_cpu_list("5,1,5"), ElementsAre(1, 5));
  EXPECT_THAT(parse_cpu_list(""), testing::IsEmpty());
  EXPECT_THAT(parse_cpu_list("0-99999999999"), testing::IsEmpty());
  EXPECT_THAT(parse_cpu_list("2,-1,x"), ElementsAre(2));
}

}  // namespace
}  // namespace lupo
