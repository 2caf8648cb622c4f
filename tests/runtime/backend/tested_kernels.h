// The instruction sets that tests of kernels loop over.
#pragma once

#include <span>

#include "runtime/backend/cpu/kernels.h"

namespace lupo::cpu {

// supported_kernels(), then every other x86 set that this processor can emulate (emulation/immintrin.h): with AVX2, all of them.
std::span<const Kernels* const> tested_kernels();

// Those of them that differ in more than products from each set before.
std::span<const Kernels* const> tested_vector_kernels();

}  // namespace lupo::cpu
