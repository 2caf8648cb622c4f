// Products with many tokens for x86-64 with AMX for int8 and bf16 (Sapphire Rapids and later); the rest is avx512vnni.cpp's.
#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "quant/half.h"
#include "quant/k_scales.h"
#include "quant/type.h"
#include "runtime/backend/cpu/matmul_kernels.h"

namespace lupo::cpu {
extern const MatmulTable matmul_avx512vnni;
}

#if !defined(LUPO_EMULATED)
#pragma GCC target("avx2,fma,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,amx-tile,amx-int8,amx-bf16")
#endif
#define LUPO_ISA amx
#define LUPO_ISA_X86
#define LUPO_ISA_AVX512
#define LUPO_ISA_VNNI
#define LUPO_ISA_AMX
#define LUPO_ISA_BASE matmul_avx512vnni
#include "runtime/backend/cpu/matmul_table.h"

namespace lupo::cpu {

extern const MatmulTable matmul_amx;
const MatmulTable matmul_amx = kMatmulTable;

}  // namespace lupo::cpu
