// The attention entries of an instruction set's table.
#pragma once

#include "runtime/backend/cpu/attend_wide-inl.h"

namespace lupo::cpu {
namespace {
namespace simd {

// Rows by panels where these are full and there are keys enough to be worth their setting up.
void stream_any(const AttendTask& task, float* partial, float* scratch) {
  if (task.n_rep % kPanelColumns == 0 && task.key_end - task.key_begin >= 2 * kBlockKeys)
    stream_wide(task, partial, scratch);
  else
    stream(task, partial, scratch);
}

constexpr AttendKernels kAttendKernels{store_cell, stream_any, merge, tile};

}  // namespace simd
}  // namespace
}  // namespace lupo::cpu
