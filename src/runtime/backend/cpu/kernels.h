// The table of functions that one instruction set exports. Chosen once (isa.h); everything above calls through it.
//
// Each isa/<name>.cpp is one translation unit: std and intrinsic headers first, then `#pragma GCC target`, then the kernels in an
// anonymous namespace, and one global symbol, `kernels_<name>`. All functions are pure and thread-safe.
#pragma once

#include <string_view>

#include "runtime/backend/cpu/attend_kernels.h"
#include "runtime/backend/cpu/matmul_kernels.h"
#include "runtime/backend/cpu/vector_kernels.h"

namespace lupo::cpu {

struct Kernels {
  std::string_view name;  // "avx2": what LUPO_ISA names
  MatmulTable matmul;
  VectorKernels vector;
  AttendKernels attend;
};

}  // namespace lupo::cpu
