// Kernels for x86-64 with AVX-512 F, BW, DQ and VL (Skylake-X and later).
#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "quant/half.h"
#include "quant/k_scales.h"
#include "quant/type.h"
#include "runtime/backend/cpu/kernels.h"

#if !defined(LUPO_EMULATED)
#pragma GCC target("avx2,fma,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl")
#endif
#define LUPO_ISA avx512
#define LUPO_ISA_X86
#define LUPO_ISA_AVX512
#include "runtime/backend/cpu/attend_table.h"
#include "runtime/backend/cpu/matmul_table.h"
#include "runtime/backend/cpu/vector-inl.h"

namespace lupo::cpu {

extern const Kernels kernels_avx512;
const Kernels kernels_avx512{"avx512", kMatmulTable, simd::kVectorKernels, simd::kAttendKernels};

}  // namespace lupo::cpu
