// What the hardware layer notices. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/finding.h"
#include "hardware/load.h"
#include "hardware/machine.h"

namespace lupo {

struct HardwareUse {
  std::string isa;         // of the kernels in use: "avx2"; "" = not known
  std::string isa_best;    // that this processor could use
  CpuLoad load_before;     // busy: before anything was measured
  CpuLoad load_during;     // steal: while it was measured
  double others_busy = 0;  // share of all processors' time that others had during the run; 0 = none was run
  double decode_gbps = 0;  // read in a decode; 0 = none was run
  // The model's file: its size, how fast it is read past the page cache (0 = not known), and what the disk gave when
  // `lupo hardware` measured it (0 = it has not).
  int64_t file_bytes = 0;
  double file_read_gbps = 0, disk_read_gbps = 0;
  double best_isa_gain = 0;  // relative gain of decode speed from isa_best, predicted; 0 = not known
  std::string model{};       // for the commands
};

// Share of the measured read bandwidth from which on a decode counts as limited by memory.
inline constexpr double kRoofReached = 0.6;

// Share of all processor time that others use, from which on figures suffer.
inline constexpr double kBusy = 0.25;

// Relative gain of decode speed from more threads than `n_threads`, up to those of use: by cores, but no more than the memory
// gives beyond the 1e9 bytes a second that a decode read; decode_gbps 0: not known.
double gain_of_more_threads(const Machine& machine, int64_t n_threads, double decode_gbps);

// Codes: governor-slow, quota-below-cores, affinity-below-cores, slow-isa, isa-forced, busy, cpu-steal, slow-disk,
// bandwidth-roof.
std::vector<Finding> check_hardware(const Machine& machine, const HardwareUse& use);

}  // namespace lupo
