// Matrix products for x86-64 with AVX2 and VNNI dot products of 256 bits (Alder Lake, Zen 5 and later); the rest is avx2.cpp's.
#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "quant/half.h"
#include "quant/k_scales.h"
#include "quant/type.h"
#include "runtime/backend/cpu/matmul_kernels.h"

#if !defined(LUPO_EMULATED)
#pragma GCC target("avx2,fma,f16c,bmi2,avxvnni")
#endif
#define LUPO_ISA avxvnni
#define LUPO_ISA_X86
#define LUPO_ISA_VNNI
#include "runtime/backend/cpu/matmul_table.h"

namespace lupo::cpu {

extern const MatmulTable matmul_avxvnni;
const MatmulTable matmul_avxvnni = kMatmulTable;

}  // namespace lupo::cpu
