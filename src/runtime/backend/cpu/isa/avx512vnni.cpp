// Matrix products for x86-64 with AVX-512 and its VNNI dot products (Cascade Lake, Zen 4 and later); the rest is avx512.cpp's.
#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "quant/half.h"
#include "quant/k_scales.h"
#include "quant/type.h"
#include "runtime/backend/cpu/matmul_kernels.h"

#if !defined(LUPO_EMULATED)
#pragma GCC target("avx2,fma,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
#endif
#define LUPO_ISA avx512vnni
#define LUPO_ISA_X86
#define LUPO_ISA_AVX512
#define LUPO_ISA_VNNI
#include "runtime/backend/cpu/matmul_table.h"

namespace lupo::cpu {

extern const MatmulTable matmul_avx512vnni;
const MatmulTable matmul_avx512vnni = kMatmulTable;

}  // namespace lupo::cpu
