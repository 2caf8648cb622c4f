// The CPU backend: SIMD kernels of one instruction set, chosen when the process runs, on a fixed set of threads.
#pragma once

#include <cstdint>
#include <memory>

#include "base/thread_pool.h"
#include "runtime/backend/backend.h"
#include "runtime/backend/cpu/isa.h"

namespace lupo {

// Bits of the integer codes that activations are multiplied as. `chosen`: 16 for steps of few tokens and for short prompts, 8 for
// long prompts and for 8 or more sequences at once. Eight everywhere is what llama.cpp has: on processors without a dot product
// of bytes it makes decoding a fifth to a half faster (docs/performance.md says what it costs).
enum class ActivationBits : uint8_t { chosen, eight };

// With the instruction set that the variable LUPO_ISA names, else the best one. An Error {hardware, isa-unavailable} where
// LUPO_ISA names one that this processor does not run. n_threads >= 1. Programs keep the threads alive; they may outlive the
// backend. Programs of one backend share its threads: one of them runs at a time.
Result<std::unique_ptr<Backend>> make_cpu_backend(int n_threads, ActivationBits precision = ActivationBits::chosen);
// The same with given kernels, for tests.
std::unique_ptr<Backend> make_cpu_backend(const cpu::Kernels& kernels, int n_threads,
                                          ActivationBits precision = ActivationBits::chosen);

}  // namespace lupo
