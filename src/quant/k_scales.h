// The 12 bytes that hold eight 6-bit scales and eight 6-bit minima in Q4_K and Q5_K.
//
// Bytes 0…3: scale j in the low 6 bits; bytes 4…7: minimum j (j = 0…3). Bytes 8…11: the low 4 bits of scale j + 4 (low nibble)
// and of minimum j + 4 (high nibble), whose upper 2 bits are the top bits of bytes j and j + 4. Source: ggml's K-quants.
#pragma once

#include <cstdint>

namespace lupo {

struct ScaleMin {
  int scale, min;  // 0…63
};

inline ScaleMin scale_min(const uint8_t* packed, int j) {  // packed: [12]; j = 0…7
  if (j < 4) return {packed[j] & 63, packed[j + 4] & 63};
  return {(packed[j + 4] & 15) | (packed[j - 4] >> 6 << 4), (packed[j + 4] >> 4) | (packed[j] >> 6 << 4)};
}

}  // namespace lupo
