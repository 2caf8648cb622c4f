// What this machine gives at most, measured on the spot: memory reads and multiply-adds, with a number of threads.
#pragma once

#include <cstdint>

#include "runtime/backend/cpu/kernels.h"

namespace lupo {

struct Roof {
  int threads = 0;
  double read_gbps = 0;   // 1e9 bytes a second
  double int8_gmacs = 0;  // 1e9 multiply-adds a second of all threads, by the loops of cpu/peak_kernels.h
  double bf16_gmacs = 0;  // 0: the instruction set has no instruction for it, and BF16 is multiplied as f32
  double f32_gmacs = 0;
};

// The best of several short passes within about `seconds` for reads (of a buffer of buffer_bytes, see measure_read_gbps) and a
// fifth of that for each kind of product.
Roof measure_roof(const cpu::Kernels& kernels, int n_threads, double seconds, int64_t buffer_bytes);

// 1e9 multiply-adds a second of one such loop on all threads, best of the passes in `seconds`; 0 where there is none.
double measure_peak_gmacs(const cpu::PeakLoop& loop, int n_threads, double seconds);

// Field by field the greater of two measurements of the same threads: other processes only ever take away.
Roof greater(const Roof& a, const Roof& b);

}  // namespace lupo
