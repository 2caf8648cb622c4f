// Which instruction sets this binary has kernels for, which of them this processor runs, and the one that is used.
//
// Thread-safe; results do not change while the process runs.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "runtime/backend/cpu/kernels.h"

namespace lupo::cpu {

// Tables of every instruction set that this processor (and its operating system, which must save the registers) runs, the
// slowest first; "scalar" is always there.
std::span<const Kernels* const> supported_kernels();

// The last of supported_kernels(), or the one that `forced` (the variable LUPO_ISA) names when it is not empty.
Result<const Kernels*> choose_kernels(std::string_view forced);

}  // namespace lupo::cpu
