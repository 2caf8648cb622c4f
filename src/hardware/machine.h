// What this machine is and what it can do. probe() is pure given an Env, so recorded machines can be replayed in tests.
//
// Sources: Linux kernel documentation, sysfs-devices-system-cpu, cgroup-v1 and cgroup-v2, proc(5). /sys is read directly and
// not through hwloc, since hwloc sees the running system only and a recorded folder must replay anywhere.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "base/result.h"

namespace lupo {

struct Cpu {
  std::string model;         // "Intel(R) Xeon(R) Processor @ 2.50GHz"
  std::string architecture;  // "x86_64", "aarch64"
  int n_online = 1;          // logical CPUs of the machine; 0 = not known (a machine that was described, not probed)
  int n_logical = 1;         // online, allowed by affinity
  int n_physical = 1;        // cores of these: SMT siblings counted once
  int n_fast = 0;            // hybrid CPU: the physical cores of its fast kind; 0 = all alike
  double quota_cores = 0;    // cgroup v1/v2 CPU quota in cores; 0 = none
  std::vector<std::string>
      isa;  // features that matter: "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vnni", "neon", "dotprod", …
  int64_t l1d_bytes = 0, l2_bytes = 0, l3_bytes = 0;  // of one instance; 0 = unknown
  int64_t l3_total_bytes = 0;                         // of all instances that the usable CPUs have; 0 = unknown
  std::string governor{};                             // of the frequency, "schedutil"; "" = none or unknown
  bool operator==(const Cpu&) const = default;
};

struct Ram {
  int64_t total_bytes = 0;
  int64_t available_bytes = 0;  // MemAvailable, and no more than what the cgroup limit leaves
  int64_t limit_bytes = 0;      // cgroup memory limit; 0 = none
  int64_t swap_total_bytes = 0, swap_free_bytes = 0;
  double nominal_gbps = 0;      // as described or by the table, 1e9 bytes a second; 0 = unknown
  std::string nominal_basis{};  // where that comes from
  bool operator==(const Ram&) const = default;
};

struct NumaNode {
  int id = 0;
  std::vector<int> cpus{};  // that are online, ascending; empty: memory alone (HBM, CXL, a GPU's)
  int64_t total_bytes = 0, free_bytes = 0;
  bool operator==(const NumaNode&) const = default;
};

// Pages larger than the usual ones.
struct HugePages {
  int64_t page_bytes = 0;
  int64_t n_total = 0, n_free = 0;  // reserved
  bool operator==(const HugePages&) const = default;
};

// A disk of the machine; RAM disks, loop devices and compressed memory are none.
struct Disk {
  std::string name{};   // "nvme0n1"
  std::string model{};  // "Samsung SSD 990 PRO 2TB"; "" = unknown
  int64_t bytes = 0;
  bool rotational = false;
  bool operator==(const Disk&) const = default;
};

struct Gpu {
  std::string name{};         // "NVIDIA GeForce RTX 4090"
  std::string vendor{};       // "NVIDIA", "AMD", "Intel"; else what names the driver
  std::string pci_address{};  // "0000:01:00.0"; "" = not on PCI, or unknown
  int vendor_id = 0, device_id = 0, subsystem_vendor_id = 0, subsystem_id = 0;  // of PCI; 0 = unknown
  int64_t memory_bytes = 0;    // its own; where it shares the RAM, what it may use of it, or what is set apart. 0 = unknown
  int64_t free_bytes = -1;     // −1 = unknown
  bool shared_memory = false;  // with the processor
  std::string driver{};        // "nvidia 550.54.14", "amdgpu"
  double link_gtps = 0, link_gtps_max = 0;  // PCIe, 1e9 transfers a second and lane; an idle link slows down. 0 = unknown
  int link_lanes = 0, link_lanes_max = 0;
  double nominal_gbps = 0;             // memory bandwidth by the table, 1e9 bytes a second; 0 = not in the table
  double nominal_tflops = 0;           // of fp16 matrix products by the table, 1e12 operations a second; 0 = not verified
  std::string nominal_basis{};         // where these come from
  std::vector<std::string> sources{};  // "sysfs", "nvml", "vulkan", "table"
  bool operator==(const Gpu&) const = default;
};

struct ReadRate {
  int threads = 0;
  double gbps = 0;  // 1e9 bytes a second
  bool operator==(const ReadRate&) const = default;
};

// Measured on the spot; 0 = not measured. 1e9 bytes a second.
struct Measured {
  double read_gbps = 0;                // all usable threads, sequential
  int threads = 0;                     // that it was measured with
  std::vector<ReadRate> by_threads{};  // 1, 2, 4, … and all usable
  double gather_1m_gbps = 0;           // blocks of 1 MiB in random order, as experts are read
  double gather_4k_gbps = 0;           // blocks of 4 KiB
  double disk_read_gbps = 0;           // past the page cache
  bool operator==(const Measured&) const = default;
};

struct Machine {
  Cpu cpu;
  Ram ram;
  std::vector<NumaNode> numa{};          // empty = not known, or one
  std::string transparent_huge_pages{};  // "always", "madvise", "never"; "" = unknown
  std::vector<HugePages> huge_pages{};
  std::vector<Disk> disks{};
  std::vector<Gpu> gpus{};
  Measured measured;

  // Threads worth using for inference: physical cores (the fast ones of a hybrid CPU), cut by affinity and by the cgroup quota
  // rounded to the nearest core; at least 1.
  int usable_threads() const;
  std::string threads_reason() const;  // "2 cores, no cgroup quota"
  bool has_isa(std::string_view feature) const;
  bool operator==(const Machine&) const = default;
};

// What the files under /proc and /sys say, and what the driver libraries answered (hardware/drivers.h; "" = they were not asked,
// which saves waking a GPU). Parts that are missing stay unknown. Error {hardware, no-proc} when neither CPUs nor memory can be
// told.
Result<Machine> probe(const Env& env, const std::string& driver_answers = "");

std::string to_json(const Machine& machine);  // indented, one object
// "cpu" and "ram" must be there; what else is left out is unknown. Error {hardware, bad-machine} naming the field.
Result<Machine> machine_from_json(const std::string& json);
std::string to_json(const Measured& measured);  // the machine's "measured" alone
Result<Measured> measured_from_json(const std::string& json);

}  // namespace lupo
