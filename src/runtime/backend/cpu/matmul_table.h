// The matrix-product entries of an instruction set's table.
#pragma once

#include "runtime/backend/cpu/matmul_float.h"
#include "runtime/backend/cpu/matmul_gemm.h"
#include "runtime/backend/cpu/matmul_quantize.h"
#include "runtime/backend/cpu/peak-inl.h"
#if defined(LUPO_ISA_AMX)
#include "runtime/backend/cpu/matmul_bf16_amx.h"
#endif

namespace lupo::cpu {
namespace {

// LUPO_ISA_BASE: the table of the set that this one extends, which multiplies few tokens and the float types.
template <class T>
void multiply_coded(const WeightRows& w, int64_t row_begin, int64_t row_end, const Activations& x, float* y, int64_t y_stride,
                    void* scratch) {
  if (x.quantized.has_chunks()) {
#if defined(LUPO_ISA_BASE)
    LUPO_ISA_BASE.find(w.type).multiply(w, row_begin, row_end, x, y, y_stride, scratch);
#else
    const auto rows = x.quantized.codes.n_digits == 2 ? gemv<T, 2> : gemv<T, 1>;
    rows(w, row_begin, row_end, x, y, y_stride);
#endif
  } else {
    gemm<T>(w, row_begin, row_end, x, y, y_stride, *static_cast<Panel*>(scratch));
  }
}

template <class T>
constexpr MatmulKernels coded{multiply_coded<T>, true, false};

#if defined(LUPO_ISA_BASE)
MatmulKernels find_uncoded(Type type) {
#if defined(LUPO_ISA_AMX)
  if (type == Type::bf16) return {multiply_bf16, false, false};
#endif
  return LUPO_ISA_BASE.find(type);
}
#else
template <class T>
constexpr MatmulKernels floats{multiply_float<T>, false, false};

MatmulKernels find_uncoded(Type type) {
  switch (type) {
    case Type::f32: return floats<SimdF32>;
    case Type::f16: return floats<SimdF16>;
    case Type::bf16: return floats<SimdBf16>;
    default: return {multiply_by_reference, false, true};
  }
}
#endif

MatmulKernels find_matmul(Type type) {
  switch (type) {
    case Type::iq1_m: return coded<SimdIq1M>;
    case Type::iq1_s: return coded<SimdIq1S>;
    case Type::iq2_s: return coded<SimdIq2S>;
    case Type::iq2_xs: return coded<SimdIq2Xs>;
    case Type::iq2_xxs: return coded<SimdIq2Xxs>;
    case Type::iq3_s: return coded<SimdIq3S>;
    case Type::iq3_xxs: return coded<SimdIq3Xxs>;
    case Type::iq4_nl: return coded<SimdIq4Nl>;
    case Type::iq4_xs: return coded<SimdIq4Xs>;
    case Type::mxfp4: return coded<SimdMxfp4>;
    case Type::nvfp4: return coded<SimdNvfp4>;
    case Type::q1_0: return coded<SimdQ1_0>;
    case Type::q2_0: return coded<SimdQ2_0>;
    case Type::q2_k: return coded<SimdQ2_K>;
    case Type::q3_k: return coded<SimdQ3_K>;
    case Type::q4_0: return coded<SimdQ4_0>;
    case Type::q4_1: return coded<SimdQ4_1>;
    case Type::q4_k: return coded<SimdQ4_K>;
    case Type::q5_0: return coded<SimdQ5_0>;
    case Type::q5_1: return coded<SimdQ5_1>;
    case Type::q5_k: return coded<SimdQ5_K>;
    case Type::q6_k: return coded<SimdQ6_K>;
    case Type::q8_0: return coded<SimdQ8_0>;
    case Type::tq1_0: return coded<SimdTq1_0>;
    case Type::tq2_0: return coded<SimdTq2_0>;
    default: return find_uncoded(type);
  }
}

int64_t matmul_scratch_bytes([[maybe_unused]] int64_t k) {
#if defined(LUPO_ISA_AMX)
  constexpr int64_t kPanelBytes = sizeof(Panel) > sizeof(Bf16Block) ? sizeof(Panel) : sizeof(Bf16Block);
#else
  constexpr int64_t kPanelBytes = sizeof(Panel);
#endif
#if defined(LUPO_ISA_BASE)
  const int64_t others = LUPO_ISA_BASE.scratch_bytes(k);
#else
  constexpr int64_t others = sizeof(float) * kFloatPanelK * kFloatPanelRows;
#endif
  return others > kPanelBytes ? others : kPanelBytes;
}

inline constexpr int64_t kRowTile = 32;
static_assert(kRowTile % kPanelRows == 0 && kRowTile % kFloatPanelRows == 0);

constexpr MatmulTable kMatmulTable{find_matmul, matmul_scratch_bytes, kRowTile,          kActivationBias,
                                   kWords,      quantize_row,         simd::kPeakKernels};

}  // namespace
}  // namespace lupo::cpu
