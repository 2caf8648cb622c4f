// What tests of predictions share.
#pragma once

#include "doctor/calibration.h"

namespace lupo {

// Every rate `speed` times that of a plain machine.
inline Calibration calibration_for(const Graph& graph, double speed) {
  Calibration c{
      .n_threads = 2, .file_gbps = 15 * speed, .read_gbps = 20 * speed, .f32_gmacs = 50 * speed, .row_seconds = 4e-9 / speed};
  const CalibrationNeeds needs = needs_of(graph);
  for (Type type : needs.types) c.kernels[type] = {10 * speed, 1e-6 / speed, 80 * speed, 100 * speed};
  for (const AttendShape& shape : needs.attends) c.attends[shape] = {8 * speed, 50 * speed};
  return c;
}

}  // namespace lupo
