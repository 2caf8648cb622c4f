// The table of tensor types: id, name, block size, and the plain reference decode and encode of each.
//
// Ids are those of GGUF (ggml_type). One header per type in quant/types/ describes its block; this table is their index, made of
// the headers that are there: a new type is its id below, its header and its golden.
// Source: the GGUF specification and ggml's type enumeration, ids 0…42. No I/O, no threads.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace lupo {

// clang-format off
enum class Type : int32_t {
  f32 = 0, f16 = 1, q4_0 = 2, q4_1 = 3, q5_0 = 6, q5_1 = 7, q8_0 = 8, q8_1 = 9,
  q2_k = 10, q3_k = 11, q4_k = 12, q5_k = 13, q6_k = 14, q8_k = 15,
  iq2_xxs = 16, iq2_xs = 17, iq3_xxs = 18, iq1_s = 19, iq4_nl = 20, iq3_s = 21, iq2_s = 22, iq4_xs = 23,
  i8 = 24, i16 = 25, i32 = 26, i64 = 27, f64 = 28, iq1_m = 29, bf16 = 30,
  tq1_0 = 34, tq2_0 = 35, mxfp4 = 39, nvfp4 = 40, q1_0 = 41, q2_0 = 42,
};
// clang-format on

struct TypeInfo {
  Type id;
  std::string_view name;  // as GGUF tools print it: "Q4_K"
  int block_elements;     // values in a block, >= 1
  int block_bytes;        // bytes of a block
  // y[0..n) = the values of n / block_elements blocks. The specification of the type; kept as the oracle of every fast path.
  // Never null: I8…I64 decode to their value. `blocks` need not be aligned.
  void (*to_float)(const void* blocks, float* y, int64_t n);
  // The plain encoder, null where there is none yet. `importance` (n values, or null) weighs the squared error; types that
  // round to nearest ignore it. A value that is not finite decodes to one that is not (but see MXFP4).
  void (*from_float)(const float* x, const float* importance, void* blocks, int64_t n);
};

// Null when the id names no type that exists today (also for the removed ids 4, 5, 31–33, 36–38).
const TypeInfo* find_type(int64_t id);
// By name, case-insensitive ("q4_k", "Q4_K"); null when unknown.
const TypeInfo* find_type(std::string_view name);
// All types, in the order of their ids.
std::span<const TypeInfo> all_types();

// For a Type value that came from find_type or the enumeration; never fails.
const TypeInfo& type_info(Type type);

// Bytes of a row of n values; n must be a multiple of block_elements.
inline int64_t row_bytes(Type type, int64_t n) {
  const TypeInfo& info = type_info(type);
  return n / info.block_elements * info.block_bytes;
}

}  // namespace lupo
