// Kernels for x86-64 with AVX2, FMA, F16C and BMI2 (Haswell, Zen and later).
#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "quant/half.h"
#include "quant/k_scales.h"
#include "quant/type.h"
#include "runtime/backend/cpu/kernels.h"

#pragma GCC target("avx2,fma,f16c,bmi2")
#define LUPO_ISA avx2
#define LUPO_ISA_X86
#include "runtime/backend/cpu/attend_table.h"
#include "runtime/backend/cpu/matmul_table.h"
#include "runtime/backend/cpu/vector-inl.h"

namespace lupo::cpu {

extern const Kernels kernels_avx2;
const Kernels kernels_avx2{"avx2", kMatmulTable, simd::kVectorKernels, simd::kAttendKernels};

}  // namespace lupo::cpu
