// Replays every machine of tests/machines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/units.h"
#include "hardware/drivers.h"
#include "hardware/parts.h"
#include "hardware/record.h"
#include "test_folder.h"

namespace lupo {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kMachines = std::string(LUPO_TESTS_DIR) + "/machines/";

Machine replay(const std::string& name) {
  const Result<Machine> machine = replay_machine(kMachines + name);
  EXPECT_TRUE(machine) << name << ": " << (machine ? "" : machine.error().what);
  return machine.value_or(Machine{});
}

std::vector<std::string> names_of_machines() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kMachines))
    if (entry.is_directory()) names.push_back(entry.path().filename());
  return names;
}

TEST(Machines, EachSurvivesJson) {
  EXPECT_GE(names_of_machines().size(), 20u);
  for (const std::string& name : names_of_machines()) {
    const Machine machine = replay(name);
    EXPECT_GE(machine.usable_threads(), 1) << name;
    EXPECT_GT(machine.ram.total_bytes, 0) << name;
    const Result<Machine> read = machine_from_json(to_json(machine));
    ASSERT_TRUE(read) << name << ": " << read.error().what;
    EXPECT_EQ(*read, machine) << name;
  }
}

TEST(Machines, EachRecordsWhatItReplays) {
  for (const std::string& name : names_of_machines()) {
    const TestFolder folder;
    const RecordedEnv env(kMachines + name);
    const std::string copy = folder.path() + "/copy";
    const Result<Machine> recorded = record_machine(env, env.read_text("/drivers.json").value_or(""), copy);
    ASSERT_TRUE(recorded) << name << ": " << recorded.error().what;
    const Result<Machine> again = replay_machine(copy);
    ASSERT_TRUE(again) << name;
    EXPECT_EQ(*again, *recorded) << name;
    EXPECT_EQ(*again, replay(name)) << name;
  }
}

TEST(Machines, ThisOneRecordsWhatItReplays) {
  const TestFolder folder;
  const std::string copy = folder.path() + "/copy";
  const Result<Machine> recorded = record_machine(real_env(), ask_drivers(), copy);
  ASSERT_TRUE(recorded) << recorded.error().what;
  const Result<Machine> again = replay_machine(copy);
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(*again, *recorded);
  const Result<Machine> over = record_machine(real_env(), "", copy);
  ASSERT_FALSE(over) << "it is not empty";
  EXPECT_EQ(over.error().code, "record-exists");
  EXPECT_EQ(record_machine(real_env(), "", "/proc/none").error().code, "record-failed");
}

TEST(Machines, ASerialNumberIsNotRecorded) {
  const TestFolder folder;
  fs::create_directories(folder.path() + "/from/proc");
  std::ofstream(folder.path() + "/from/proc/cpuinfo")
      << "processor\t: 0\nFeatures\t: asimd\nSerial\t\t: 10000000abcdef01\nModel\t\t: Pi\n";
  std::ofstream(folder.path() + "/from/proc/meminfo") << "MemTotal: 1000 kB\n";
  const RecordedEnv env(folder.path() + "/from");
  ASSERT_TRUE(record_machine(env, "", folder.path() + "/to"));
  const std::string kept = RecordedEnv(folder.path() + "/to").read_text("/proc/cpuinfo").value_or("");
  EXPECT_THAT(kept, testing::Not(HasSubstr("Serial")));
  EXPECT_THAT(kept, HasSubstr("Model\t\t: Pi"));
}

TEST(Machines, IntelWithoutHyperThreading) {
  const Machine m = replay("intel_no_ht");
  EXPECT_EQ(m.threads_reason(), "6 cores, no cgroup quota");
  EXPECT_EQ(m.cpu.governor, "powersave");
  EXPECT_EQ(m.transparent_huge_pages, "madvise");
  EXPECT_THAT(m.numa, IsEmpty());
  ASSERT_EQ(m.disks.size(), 2u) << "neither the DVD drive nor the loop device";
  EXPECT_TRUE(m.disks[0].rotational);
  EXPECT_EQ(m.disks[1].model, "KINGSTON SA400S37240G");
  EXPECT_EQ(m.disks[1].bytes, 468862128ll * 512);
  ASSERT_EQ(m.gpus.size(), 1u);
  EXPECT_EQ(m.gpus[0].driver, "nouveau");
  EXPECT_EQ(m.gpus[0].memory_bytes, 0) << "nouveau tells none";
  EXPECT_EQ(m.gpus[0].nominal_gbps, 0) << "ids without memory are not enough";

  const RecordedEnv env(kMachines + "intel_no_ht");
  EXPECT_EQ(disk_holding(env, "/home/me/models")->name, "sdb");
  EXPECT_EQ(disk_holding(env, "/mnt/my models/x.gguf")->name, "sda");
  EXPECT_EQ(disk_holding(env, "/mnt/my modelsx")->name, "sdb");
  EXPECT_FALSE(disk_holding(env, "/scratch/x"));
}

TEST(Machines, TwoSockets) {
  const Machine m = replay("dual_socket");
  EXPECT_EQ(m.cpu.n_physical, 16);
  EXPECT_EQ(m.cpu.n_logical, 32);
  ASSERT_EQ(m.numa.size(), 2u);
  EXPECT_EQ(m.numa[1].cpus.size(), 16u);
  EXPECT_EQ(m.numa[1].cpus.front(), 8);
  EXPECT_EQ(m.numa[1].total_bytes, 395500000ll * 1024);
  EXPECT_EQ(m.numa[1].free_bytes, 250000000ll * 1024);
  ASSERT_EQ(m.huge_pages.size(), 2u);
  EXPECT_EQ(m.huge_pages[0], (HugePages{.page_bytes = 2 * kMiB, .n_total = 1024, .n_free = 1000}));
  EXPECT_THAT(m.gpus, IsEmpty()) << "the board's frame buffer is no GPU";
  EXPECT_EQ(m.disks.size(), 2u);
  EXPECT_TRUE(disk_holding(RecordedEnv(kMachines + "dual_socket"), "/srv")->rotational) << "of the array";
}

TEST(Machines, AppleOnLinux) {
  const Machine m = replay("apple_m1_pro");
  EXPECT_EQ(m.cpu.model, "Apple MacBook Pro (14-inch, M1 Pro, 2021)");
  EXPECT_EQ(m.cpu.architecture, "aarch64");
  EXPECT_EQ(m.cpu.n_fast, 8);
  EXPECT_EQ(m.usable_threads(), 8);
  EXPECT_EQ(m.cpu.l2_bytes, 12 * kMiB);
  ASSERT_EQ(m.gpus.size(), 1u);
  EXPECT_EQ(m.gpus[0].name, "Apple M1 Pro (G13S C0)");
  EXPECT_EQ(m.gpus[0].driver, "asahi");
  EXPECT_TRUE(m.gpus[0].shared_memory);
  EXPECT_EQ(m.gpus[0].nominal_gbps, 200);
  EXPECT_THAT(m.gpus[0].sources, ElementsAre("sysfs", "vulkan"));
  EXPECT_EQ(disk_holding(RecordedEnv(kMachines + "apple_m1_pro"), "/home")->name, "nvme0n1") << "btrfs: by its source";
}

TEST(Machines, GraceHopper) {
  const Machine m = replay("grace_hopper");
  EXPECT_EQ(m.cpu.model, "Neoverse-V2");
  EXPECT_EQ(m.cpu.n_physical, 72);
  EXPECT_TRUE(m.has_isa("svei8mm"));
  ASSERT_EQ(m.numa.size(), 2u) << "seven more nodes have nothing";
  EXPECT_THAT(m.numa[1].cpus, IsEmpty()) << "the GPU's memory";
  ASSERT_EQ(m.gpus.size(), 1u);
  EXPECT_EQ(m.gpus[0].nominal_gbps, 4000);
  EXPECT_FALSE(m.gpus[0].shared_memory);
  EXPECT_EQ(m.gpus[0].link_gtps_max, 32);
}

TEST(Machines, LaptopWithAnIntegratedGpu) {
  const Machine m = replay("laptop_igpu");
  EXPECT_EQ(m.usable_threads(), 4);
  ASSERT_EQ(m.gpus.size(), 1u) << "and not llvmpipe";
  EXPECT_EQ(m.gpus[0].name, "Intel(R) Xe Graphics (TGL GT2)");
  EXPECT_TRUE(m.gpus[0].shared_memory);
  EXPECT_EQ(m.gpus[0].memory_bytes, 12 * kGiB);
  EXPECT_EQ(m.gpus[0].nominal_gbps, 0);
  EXPECT_FALSE(disk_holding(RecordedEnv(kMachines + "laptop_igpu"), "/")->rotational) << "through the mapper";
}

TEST(Machines, LaptopWithTwoGpus) {
  const Machine m = replay("laptop_4090");
  ASSERT_EQ(m.gpus.size(), 2u);
  EXPECT_EQ(m.gpus[0].nominal_gbps, 576) << "not the desktop card's";
  EXPECT_EQ(m.gpus[0].link_lanes, 8);
  EXPECT_EQ(m.gpus[0].link_lanes_max, 16);
  EXPECT_EQ(m.gpus[1].vendor, "AMD");
  EXPECT_TRUE(m.gpus[1].shared_memory);
  EXPECT_EQ(m.gpus[1].memory_bytes, 31 * kGiB + 512 * kMiB);
  EXPECT_EQ(m.gpus[1].nominal_gbps, 0);
}

TEST(Machines, Rtx4090) {
  const Machine m = replay("rtx_4090");
  EXPECT_EQ(m.cpu.n_physical, 16);
  EXPECT_EQ(m.cpu.l3_bytes, 32 * kMiB);
  EXPECT_EQ(m.cpu.l3_total_bytes, 64 * kMiB) << "one a die";
  ASSERT_EQ(m.gpus.size(), 1u);
  const Gpu& gpu = m.gpus[0];
  EXPECT_EQ(gpu.name, "NVIDIA GeForce RTX 4090");
  EXPECT_EQ(gpu.pci_address, "0000:01:00.0");
  EXPECT_EQ(gpu.subsystem_id, 0x165b);
  EXPECT_EQ(gpu.memory_bytes, 24564 * kMiB);
  EXPECT_EQ(gpu.free_bytes, 23690 * kMiB);
  EXPECT_FALSE(gpu.shared_memory);
  EXPECT_EQ(gpu.driver, "nvidia 550.54.14");
  EXPECT_EQ(gpu.link_gtps, 2.5);
  EXPECT_EQ(gpu.link_gtps_max, 16);
  EXPECT_EQ(gpu.link_lanes, 16);
  EXPECT_EQ(gpu.nominal_gbps, 1008);
  EXPECT_THAT(gpu.nominal_basis, HasSubstr("table: "));
  EXPECT_THAT(gpu.sources, ElementsAre("sysfs", "nvml", "vulkan"));
}

TEST(Machines, TwoRtx3090) {
  const Machine m = replay("two_rtx_3090");
  ASSERT_EQ(m.gpus.size(), 2u) << "though Vulkan lists one of them twice and tells no places";
  EXPECT_EQ(m.gpus[0].nominal_gbps, 936);
  EXPECT_EQ(m.gpus[1].free_bytes, 11000 * kMiB);
  EXPECT_EQ(m.gpus[1].link_lanes, 4);
}

TEST(Machines, StrixHalo) {
  const Machine m = replay("strix_halo");
  ASSERT_EQ(m.gpus.size(), 1u);
  EXPECT_TRUE(m.gpus[0].shared_memory);
  EXPECT_EQ(m.gpus[0].memory_bytes, 62 * kGiB + 512 * kMiB) << "what is set apart and what may be mapped";
  EXPECT_EQ(m.gpus[0].nominal_gbps, 256);
  EXPECT_EQ(m.gpus[0].link_lanes, 0) << "on the chip";
  EXPECT_EQ(m.ram.nominal_gbps, 256) << "the same memory";
}

TEST(Machines, RadeonCardBySysfsAlone) {
  const Machine m = replay("radeon_7900_xtx");
  ASSERT_EQ(m.gpus.size(), 1u);
  EXPECT_EQ(m.gpus[0].name, "AMD Radeon RX 7900 XTX") << "by ids and memory";
  EXPECT_FALSE(m.gpus[0].shared_memory);
  EXPECT_EQ(m.gpus[0].free_bytes, 23560 * kMiB);
  EXPECT_EQ(m.gpus[0].nominal_gbps, 960);
  EXPECT_THAT(m.gpus[0].sources, ElementsAre("sysfs", "table"));
}

TEST(Machines, ArcBesideAnIntegratedGpu) {
  const Machine m = replay("arc_b580");
  ASSERT_EQ(m.gpus.size(), 2u);
  EXPECT_TRUE(m.gpus[0].shared_memory);
  EXPECT_EQ(m.gpus[0].name, "Intel GPU 8086:3e92");
  EXPECT_FALSE(m.gpus[1].shared_memory);
  EXPECT_EQ(m.gpus[1].name, "Intel Arc B580");
  EXPECT_EQ(m.gpus[1].nominal_gbps, 456);
}

TEST(Machines, ContainerWithAGpuAndWithoutSys) {
  const Machine m = replay("h100_no_sys");
  EXPECT_EQ(m.cpu.n_physical, 16);
  EXPECT_TRUE(m.has_isa("amxint8"));
  ASSERT_EQ(m.gpus.size(), 1u);
  EXPECT_EQ(m.gpus[0].nominal_gbps, 3350) << "HBM3: the SXM board";
  EXPECT_EQ(m.gpus[0].link_gtps_max, 32);
}

}  // namespace
}  // namespace lupo
