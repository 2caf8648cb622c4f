// Products with many tokens for aarch64 with the matrix instructions of int8 (Armv8.6-A I8MM: Neoverse V1 and N2, Apple M2 and
// later); the rest is neon.cpp's.
#include <cstddef>
#include <cstdint>

#include <arm_neon.h>

#include "quant/half.h"
#include "quant/k_scales.h"
#include "quant/type.h"
#include "runtime/backend/cpu/kernels.h"

namespace lupo::cpu {
extern const Kernels kernels_neon;
}

#pragma GCC target("arch=armv8.2-a+dotprod+i8mm")
#define LUPO_ISA neoni8mm
#define LUPO_ISA_NEON
#define LUPO_ISA_I8MM
#define LUPO_ISA_BASE kernels_neon.matmul
#include "runtime/backend/cpu/matmul_table.h"

namespace lupo::cpu {

extern const MatmulTable matmul_neoni8mm;
const MatmulTable matmul_neoni8mm = kMatmulTable;

}  // namespace lupo::cpu
