// What the plain reference decoders and encoders of quant/types/ share. Not for kernels: those have their own.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "quant/half.h"
#include "quant/type.h"

namespace lupo::reference {

// A TypeInfo::to_float from the decoder of one block.
template <class Block, int kElements, void (*kDecode)(const Block&, float*)>
void decode_blocks(const void* blocks, float* y, int64_t n) {
  const Block* block = static_cast<const Block*>(blocks);
  for (int64_t i = 0; i < n / kElements; ++i) kDecode(block[i], y + i * kElements);
}

// A TypeInfo::from_float from the encoder of one block that rounds to nearest: the importance of a value then changes nothing.
template <class Block, int kElements, void (*kEncode)(const float*, Block&)>
void encode_blocks(const float* x, const float* /*importance*/, void* blocks, int64_t n) {
  Block* block = static_cast<Block*>(blocks);
  for (int64_t i = 0; i < n / kElements; ++i) kEncode(x + i * kElements, block[i]);
}

// The value of largest magnitude, with its sign; the first of equals. NaN if there is one: the block's scale then is NaN too, so
// that a wrong number does not come out as a plausible one.
inline float extreme(const float* x, int n) {
  float value = 0;
  for (int i = 0; i < n; ++i) {
    if (std::isnan(x[i])) return x[i];
    if (std::fabs(x[i]) > std::fabs(value)) value = x[i];
  }
  return value;
}

struct Range {
  float min, max;
};

inline Range range(const float* x, int n) {  // NaN as for extreme
  Range r{x[0], x[0]};
  for (int i = 0; i < n; ++i) {
    if (std::isnan(x[i])) return {x[i], x[i]};
    if (x[i] < r.min) r.min = x[i];
    if (x[i] > r.max) r.max = x[i];
  }
  return r;
}

inline float inverse(float d) { return d != 0 ? 1 / d : 0; }

// To int by dropping the fraction, within [low, high]; NaN gives low. A plain cast would be undefined outside the int's range.
inline int truncate(float value, int low, int high) {
  if (value >= static_cast<float>(high)) return high;
  return value > static_cast<float>(low) ? static_cast<int>(value) : low;
}

// Halves away from zero, as C's roundf.
inline int round_away(float value, int low, int high) { return truncate(std::round(value), low, high); }

// Bit i of little-endian bytes.
inline int bit(const uint8_t* bytes, int i) { return (bytes[i / 8] >> (i % 8)) & 1; }

}  // namespace lupo::reference
