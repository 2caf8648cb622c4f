// What this machine is and what it can do. probe() is pure given an Env, so recorded machines can be replayed in tests.
//
// Sources: Linux kernel documentation, sysfs-devices-system-cpu, cgroup-v1 and cgroup-v2, proc(5). /sys is read directly and
// not through hwloc, since hwloc sees the running system only and a recorded folder must replay anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "base/result.h"

namespace lupo {

struct Cpu {
  std::string model;         // "Intel(R) Xeon(R) Processor @ 2.50GHz"
  std::string architecture;  // "x86_64", "aarch64"
  int n_online = 1;          // logical CPUs of the machine
  int n_logical = 1;         // online, allowed by affinity
  int n_physical = 1;        // cores of these: SMT siblings counted once
  int n_fast = 0;            // hybrid CPU: the physical cores of its fast kind; 0 = all alike
  double quota_cores = 0;    // cgroup v1/v2 CPU quota in cores; 0 = none
  std::vector<std::string>
      isa;  // features that matter: "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vnni", "neon", "dotprod", …
  int64_t l1d_bytes = 0, l2_bytes = 0, l3_bytes = 0;  // of one instance; 0 = unknown
  bool operator==(const Cpu&) const = default;
};

struct Ram {
  int64_t total_bytes = 0;
  int64_t available_bytes = 0;  // MemAvailable, and no more than what the cgroup limit leaves
  int64_t limit_bytes = 0;      // cgroup memory limit; 0 = none
  int64_t swap_total_bytes = 0, swap_free_bytes = 0;
  bool operator==(const Ram&) const = default;
};

// Measured on the spot; 0 = not measured.
struct Measured {
  double read_gbps = 0;  // 1e9 bytes read a second, all usable threads
  int threads = 0;       // that it was measured with
  bool operator==(const Measured&) const = default;
};

struct Machine {
  Cpu cpu;
  Ram ram;
  Measured measured;

  // Threads worth using for inference: physical cores (the fast ones of a hybrid CPU), cut by affinity and by the cgroup quota
  // rounded to the nearest core; at least 1.
  int usable_threads() const;
  std::string threads_reason() const;  // "2 cores, no cgroup quota"
  bool has_isa(std::string_view feature) const;
  bool operator==(const Machine&) const = default;
};

// Error {hardware, no-proc} when neither CPUs nor memory can be told.
Result<Machine> probe(const Env& env);

// Plain sequential reads of a buffer much larger than the caches, `threads` threads (not pinned: the engine's are not), best of
// several passes within about `seconds`. Allocates bytes_max (less on a small machine) and frees it; 0 when it cannot.
double measure_read_gbps(int threads, double seconds, int64_t bytes_max);
// The same over memory that is there already, such as a mapped model file: costs no memory. Below a few times the last cache
// level it measures that cache.
double measure_read_gbps(int threads, double seconds, std::span<const std::byte> bytes);

// A buffer for measure_read_gbps that the last-level cache cannot hold: 256 MiB or 4 × L3, at most an eighth of available memory.
int64_t bandwidth_buffer_bytes(const Machine& machine);

std::string to_json(const Machine& machine);  // indented, one object
// Error {hardware, bad-machine} naming the field.
Result<Machine> machine_from_json(const std::string& json);

}  // namespace lupo
