// Kernels for aarch64 with the dot-product instructions (Armv8.2-A DotProd: Cortex-A76, Neoverse N1, Apple M1 and later).
#include <cstddef>
#include <cstdint>

#include <arm_neon.h>

#include "quant/half.h"
#include "quant/k_scales.h"
#include "quant/type.h"
#include "runtime/backend/cpu/kernels.h"

#pragma GCC target("arch=armv8.2-a+dotprod")
#define LUPO_ISA neon
#define LUPO_ISA_NEON
#include "runtime/backend/cpu/attend_table.h"
#include "runtime/backend/cpu/matmul_table.h"
#include "runtime/backend/cpu/vector-inl.h"

namespace lupo::cpu {

extern const Kernels kernels_neon;
const Kernels kernels_neon{"neon", kMatmulTable, simd::kVectorKernels, simd::kAttendKernels};

}  // namespace lupo::cpu
