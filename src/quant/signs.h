// Signs of eight values in seven bits, as the IQ2 and IQ3 types store them: the number of negative values is even, so the eighth
// sign is the parity of the others. Source: ggml's IQ types.
#pragma once

#include <bit>
#include <cstdint>

namespace lupo {

// Bit k set: value k is negative.
inline int even_signs(uint32_t seven_bits) {
  seven_bits &= 127;
  return static_cast<int>(seven_bits | (static_cast<uint32_t>(std::popcount(seven_bits)) & 1) << 7);
}

}  // namespace lupo
