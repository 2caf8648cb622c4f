// How fast the cpu backend runs the parts of a model on this machine: measured with small synthetic graphs, no model needed.
// Predictions rest on it.
#pragma once

#include "base/file_pages.h"
#include "base/result.h"
#include "graph/attrs.h"
#include "quant/type.h"
#include "runtime/backend/cpu/cpu_backend.h"
#include "runtime/backend/cpu/matmul_kernels.h"
#include "runtime/roof.h"

namespace lupo {

// One token through matrices of a type that lie one behind the other, as a model's do: what reading and multiplying takes by
// bytes, and what each matrix costs beside that, in starting, sharing out and waiting.
struct DecodeRate {
  double gbps = 0;          // 1e9 bytes of weights a second
  double node_seconds = 0;  // of a matrix
};
// Takes about 0.2 s. `weights`: 8 MiB or more of bytes 0x3c, which make small numbers of every type; more than the caches hold.
Result<DecodeRate> measure_decode_rate(Type type, int n_threads, const FilePages& weights,
                                       ActivationBits bits = ActivationBits::chosen);
inline constexpr std::byte kWeightByte{0x3c};

// Steps by their tokens: one of fewer reads weights row by row, one of up to so many has the codes of a short prompt.
inline constexpr int64_t kFewOfStep = cpu::kFewTokens, kShortOfStep = cpu::kFineTokens;

// A prompt through one block, part by part.
struct BlockSpeed {
  double linear_gflops = 0;  // 1e9 operations a second (a multiply-add counts 2), weights of the type
  double attend_gflops = 0;  // of attention
  double row_seconds = 0;    // per value of the result of a norm or a glu, with the quantization of the row that follows
};

// n_tokens of prompt (1 … 256); the heads as in `heads`, at most 16; the cache F16. Takes about 0.1 s and 15 MB.
Result<BlockSpeed> measure_block(Type type, const AttendAttrs& heads, int n_threads, int64_t n_tokens,
                                 ActivationBits bits = ActivationBits::chosen);

// 1e9 bytes a second of a cache of k_type that one token attends to: layers of 2048 cells, cache_bytes in all, which should be
// twice the last-level cache or more. Takes about 0.1 s and cache_bytes of memory.
Result<double> measure_cache_gbps(const AttendAttrs& heads, Type k_type, int n_threads, int64_t cache_bytes);

// 1e9 multiply-adds of f32 a second on registers alone, by the kernels in use: how fast the cores run now. Takes 0.02 s.
Result<double> measure_f32_gmacs(int n_threads);

// The same of every kind of product; reads are left 0. Takes 0.15 s.
Result<Roof> measure_product_peaks(int n_threads);

// Seconds that one more small linear node costs: dispatch and synchronisation.
Result<double> measure_node_seconds(int n_threads);

}  // namespace lupo
