// The most that one core multiplies and adds with an instruction set: its best dot product on registers alone, with nothing to
// load. What kernels reach is told as a share of it. One table of each instruction set.
#pragma once

#include <cstdint>
#include <string_view>

namespace lupo::cpu {

struct PeakLoop {
  void (*run)(int64_t n_rounds);  // null: this instruction set has no instruction for it
  int64_t multiply_adds;          // of a round
  std::string_view instructions;  // "vpmaddubsw + vpmaddwd, 256 bits"
};

// All functions are pure and thread-safe.
struct PeakKernels {
  PeakLoop int8;  // products of int8, summed in 32 bits whatever the operands are; codes of less than 8 bits may do without that
  PeakLoop bf16;  // products of bf16, summed in f32; where there is none, weights of BF16 are multiplied as f32
  PeakLoop f32;
};

}  // namespace lupo::cpu
