// Random weights of any type, random activations, and the exact products that kernels are compared with.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <new>
#include <random>
#include <span>
#include <vector>

#include "quant/type.h"
#include "runtime/backend/cpu/matmul_kernels.h"

namespace lupo::cpu {

// Memory that starts at a cache line, as a mapping and the backend's arenas do.
template <class T>
struct LineAllocator {
  using value_type = T;
  LineAllocator() = default;
  template <class U>
  LineAllocator(const LineAllocator<U>&) {}
  T* allocate(size_t n) { return static_cast<T*>(::operator new (n * sizeof(T), std::align_val_t{64})); }
  void deallocate(T* p, size_t) { ::operator delete (p, std::align_val_t{64}); }
  bool operator==(const LineAllocator&) const { return true; }
};
template <class T>
using Aligned = std::vector<T, LineAllocator<T>>;

inline Aligned<float> random_floats(int64_t n, std::mt19937& random) {
  std::normal_distribution<float> normal;
  Aligned<float> x(static_cast<size_t>(n));
  std::ranges::generate(x, [&] { return normal(random); });
  return x;
}

// Blocks that decode to values of moderate size: random bytes, drawn again until they do, so that every bit of a block is tried.
inline Aligned<std::byte> random_blocks(const TypeInfo& type, int64_t n_blocks, std::mt19937& random) {
  Aligned<std::byte> bytes(static_cast<size_t>(n_blocks * type.block_bytes));
  std::vector<float> values(static_cast<size_t>(type.block_elements));
  for (int64_t block = 0; block < n_blocks; ++block) {
    std::byte* at = bytes.data() + block * type.block_bytes;
    const auto is_moderate = [&] {
      type.to_float(at, values.data(), type.block_elements);
      const float highest =
          std::abs(*std::ranges::max_element(values, {}, [](float v) { return std::isnan(v) ? INFINITY : std::abs(v); }));
      return highest > 1e-3f && highest < 100;
    };
    do {
      for (int i = 0; i < type.block_bytes; ++i) at[i] = static_cast<std::byte>(random());
    } while (!is_moderate());
  }
  return bytes;
}

// QuantizedRows with memory of its own.
class OwnedRows {
 public:
  OwnedRows(int64_t k, int64_t n_tokens, StepCodes codes)
      : chunks_(static_cast<size_t>(activation_chunks(k) * n_tokens)),
        q_(static_cast<size_t>(code_bytes(k, n_tokens))),
        d_(size(k, n_tokens) / 32),
        sums_(size(k, n_tokens) / 32),
        sums_16_(size(k, n_tokens) / 16),
        k_(k),
        n_tokens_(n_tokens),
        codes_(codes) {}
  OwnedRows(int64_t k, int64_t n_tokens) : OwnedRows(k, n_tokens, codes_of_step(n_tokens)) {}

  QuantizedRows view() { return {k_, n_tokens_, chunks_.data(), q_.data(), d_.data(), sums_.data(), sums_16_.data(), codes_}; }

 private:
  static size_t size(int64_t k, int64_t n_tokens) { return static_cast<size_t>(k * n_tokens); }

  Aligned<ActivationChunk> chunks_;  // [activation_chunks(K), T]
  Aligned<uint8_t> q_;               // [K, 2, T]
  Aligned<float> d_;                 // [K/32, T]
  Aligned<float> sums_;              // [K/32, T]
  Aligned<float> sums_16_;           // [K/16, T]
  int64_t k_, n_tokens_;
  StepCodes codes_;
};

inline int code_max(StepCodes codes) { return codes.n_digits == 2 ? 127 * 256 : 127; }

// What quantize must give, by the C library's rounding.
struct ReferenceRow {
  std::vector<int> code;  // [K]
  std::vector<float> d;   // [K/32]

  ReferenceRow(std::span<const float> x, int highest_code) : code(x.size()), d(x.size() / 32) {
    const float levels = static_cast<float>(highest_code);
    for (size_t block = 0; block < d.size(); ++block) {
      const std::span values = x.subspan(32 * block, 32);
      float highest = 0;
      for (float v : values) highest = std::max(highest, std::abs(v));
      d[block] = highest / levels;
      const float inverse = highest > 0 ? levels / highest : 0;
      for (size_t i = 0; i < 32; ++i) {
        const int nearest = static_cast<int>(std::nearbyint(values[i] * inverse));
        code[32 * block + i] = nearest + ((nearest & 255) == 128);  // no low digit is −128
      }
    }
  }

  std::vector<float> values() const {
    std::vector<float> x(code.size());
    for (size_t i = 0; i < code.size(); ++i) x[i] = d[i / 32] * static_cast<float>(code[i]);
    return x;
  }
};

struct Product {
  double value;    // Σ w x
  double sum_abs;  // a bound of Σ (|scale · code| + |minimum|) |x|
};

// Minimum and codes of a group of 32 are at most 2 and 3 times its largest |w|, since random codes reach both ends of their
// range.
inline Product exact_product(std::span<const float> w, std::span<const float> x) {
  Product p{0, 0};
  for (size_t begin = 0; begin < w.size(); begin += 32) {
    const size_t end = std::min(begin + 32, w.size());
    double highest = 0, activations = 0;
    for (size_t i = begin; i < end; ++i) {
      p.value += static_cast<double>(w[i]) * x[i];
      highest = std::max(highest, std::abs(static_cast<double>(w[i])));
      activations += std::abs(static_cast<double>(x[i]));
    }
    p.sum_abs += 5 * highest * activations;
  }
  return p;
}

}  // namespace lupo::cpu
