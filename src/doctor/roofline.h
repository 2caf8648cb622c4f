// Where the ops of a run lie under the machine's roofs: operations per byte against operations a second.
//
// After Williams, Waterman, Patterson, "Roofline: an insightful visual performance model" (CACM 52, 2009). An operation is half a
// multiply-add; bytes are those of weights and states, whichever level of memory they came from.
#pragma once

#include <string>
#include <vector>

#include "doctor/speed.h"

namespace lupo {

struct RoofPoint {
  std::string name;      // "linear Q4_1", "attend"
  double intensity = 0;  // operations per byte
  double gflops = 0;     // 1e9 operations a second, reached
  double gbps = 0;       // 1e9 bytes a second, reached
  double ms = 0;         // of a step
  double share = 0;      // of the step's time, 0 … 1
};
// The longest first. Intensity and rates are 0 of ops that read no weights and no states.
std::vector<RoofPoint> roof_points(const std::vector<OpTime>& ops);

// What the roof lets such an op reach, 1e9 operations a second: the memory's slope or the ceiling, whichever is lower; 0 when a
// roof is not known.
double attainable_gflops(double intensity, double read_gbps, double peak_gflops);

}  // namespace lupo
