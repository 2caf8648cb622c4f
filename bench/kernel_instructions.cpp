// Runs each kernel of an instruction set (LUPO_ISA) once inside measured(), for kernel_instructions.py to count under callgrind.
// Prints the compiler, then a line a call: name, tokens, multiply-adds. The same numbers come on every machine.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "runtime/backend/cpu/isa.h"
#include "runtime/backend/matmul_data.h"

// callgrind collects from here to its return.
extern "C" [[gnu::noinline]] void measured(void (*work)(const void*), const void* context) {
  work(context);
  asm volatile("" : : : "memory");
}

namespace lupo::cpu {
namespace {

constexpr int64_t kK = 1024, kRows = 64, kRandomRows = 8;
constexpr std::array<int64_t, 4> kTokens = {1, 4, 16, 128};  // gemv of one and of few, gemm with two digits and with one

template <class Work>
void count(const std::string& name, int64_t n_tokens, int64_t multiply_adds, const Work& work) {
  std::printf("%s %ld %ld\n", name.c_str(), static_cast<long>(n_tokens), static_cast<long>(multiply_adds));
  measured([](const void* context) { (*static_cast<const Work*>(context))(); }, &work);
}

void count_products(const Kernels& isa, const TypeInfo& type, const Aligned<float>& x) {
  std::mt19937 random(1);
  const size_t row = static_cast<size_t>(row_bytes(type.id, kK));
  const Aligned<std::byte> some = random_blocks(type, kRandomRows * kK / type.block_elements, random);
  Aligned<std::byte> weight(row * kRows + 4096);  // kernels may prefetch behind the rows
  for (size_t r = 0; r < kRows; ++r) std::memcpy(weight.data() + r * row, some.data() + r % kRandomRows * row, row);
  const MatmulKernels kernels = isa.matmul.find(type.id);
  std::vector<float> y(static_cast<size_t>(kRows * kTokens.back()));
  Aligned<std::byte> scratch(static_cast<size_t>(isa.matmul.scratch_bytes(kK)));
  const auto multiply = [&](const std::string& name, int64_t n_tokens, StepCodes codes) {
    OwnedRows quantized(kK, n_tokens, codes);
    for (int64_t t = 0; t < n_tokens && kernels.quantizes; ++t) isa.matmul.quantize(x.data() + t * kK, quantized.view(), t);
    count(name, n_tokens, kRows * kK * n_tokens, [&] {
      kernels.multiply({weight.data(), type.id, kK}, 0, kRows, {x.data(), quantized.view(), n_tokens}, y.data(), kRows,
                       scratch.data());
    });
  };
  const std::string name(type.name);
  for (const int64_t n_tokens : kTokens) multiply(name, n_tokens, codes_of_step(n_tokens));
  if (!kernels.quantizes) return;
  for (const int64_t n_tokens : {1, 16}) multiply(name + "/8bit", n_tokens, codes_of_step(n_tokens, true));
}

// Of these the "multiply-adds" are values.
void count_quantize(const Kernels& isa, const Aligned<float>& x) {
  for (const int64_t n_tokens : kTokens) {
    OwnedRows quantized(kK, n_tokens);
    count("quantize", n_tokens, kK * n_tokens, [&] {
      for (int64_t t = 0; t < n_tokens; ++t) isa.matmul.quantize(x.data() + t * kK, quantized.view(), t);
    });
  }
}

int run(const char* forced) {
  const auto chosen = choose_kernels(forced);
  if (!chosen) {
    std::fprintf(stderr, "%s\n", chosen.error().what.c_str());
    return 77;  // ctest: skipped
  }
  const Kernels& isa = **chosen;
  std::printf("g++ %d, %.*s\n", __GNUC__, static_cast<int>(isa.name.size()), isa.name.data());
  std::mt19937 random(2);
  const Aligned<float> x = random_floats(kK * kTokens.back(), random);
  for (const TypeInfo& type : all_types())
    if (!isa.matmul.find(type.id).is_fallback) count_products(isa, type, x);
  count_quantize(isa, x);
  constexpr int64_t kRounds = 1000;
  for (const auto& [name, loop] : {std::pair{"peak-int8", isa.matmul.peak.int8}, std::pair{"peak-f32", isa.matmul.peak.f32}})
    count(name, 1, kRounds * loop.multiply_adds, [&] { loop.run(kRounds); });
  return 0;
}

}  // namespace
}  // namespace lupo::cpu

int main() {
  const char* forced = std::getenv("LUPO_ISA");
  return lupo::cpu::run(forced ? forced : "");
}
