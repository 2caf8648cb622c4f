// Kernels for any processor: plain C++, the slowest and the measure of the others.
#include <cstddef>
#include <cstdint>

#include "quant/half.h"
#include "quant/k_scales.h"
#include "quant/type.h"
#include "runtime/backend/cpu/kernels.h"

#define LUPO_ISA scalar
#include "runtime/backend/cpu/attend_table.h"
#include "runtime/backend/cpu/matmul_table.h"
#include "runtime/backend/cpu/vector-inl.h"

namespace lupo::cpu {

extern const Kernels kernels_scalar;
const Kernels kernels_scalar{"scalar", kMatmulTable, simd::kVectorKernels, simd::kAttendKernels};

}  // namespace lupo::cpu
