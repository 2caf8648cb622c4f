#include "runtime/backend/cpu/isa.h"

#include <cstdint>
#include <string>
#include <vector>

#include "base/hwcap.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace lupo::cpu {

extern const Kernels kernels_scalar;
#if defined(__x86_64__)
extern const Kernels kernels_avx2;
#if defined(LUPO_WITH_AVX512)
extern const Kernels kernels_avx512;
extern const MatmulTable matmul_avxvnni, matmul_avx512vnni, matmul_amx;
#endif
#elif defined(__aarch64__)
extern const Kernels kernels_neon;
extern const MatmulTable matmul_neoni8mm;
#endif

namespace {

// A set that adds products to those of another, whose other kernels it shares.
[[maybe_unused]] Kernels with_products(std::string_view name, const MatmulTable& matmul, const Kernels& rest) {
  return {name, matmul, rest.vector, rest.attend};
}

#if defined(__x86_64__)

struct Registers {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);  // leaves r at 0 where the leaf does not exist
  return r;
}

// Which register states the operating system saves (XCR0); only to be asked where CPUID says OSXSAVE.
uint64_t saved_states() {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

constexpr bool has(uint32_t value, uint32_t bits) { return (value & bits) == bits; }

// Bits: Intel SDM volume 2A, CPUID, leaves 1 and 7; XCR0 in volume 1, 13.3.
#if !defined(LUPO_WITH_AVX512)  // nor any other set above AVX2: CMakeLists.txt
void add_above_avx2(const Registers&, uint64_t, std::vector<const Kernels*>&) {}
#else
void add_above_avx2(const Registers& seven, uint64_t saved, std::vector<const Kernels*>& found) {
  constexpr uint32_t kAvxVnni = 1u << 4;                                                                      // leaf 7.1, EAX
  constexpr uint32_t kAvx512F = 1u << 16, kAvx512Dq = 1u << 17, kAvx512Bw = 1u << 30, kAvx512Vl = 1u << 31;  // leaf 7, EBX
  constexpr uint32_t kAvx512Vnni = 1u << 11;                                                                  // leaf 7, ECX
  constexpr uint32_t kAmxBf16 = 1u << 22, kAmxTile = 1u << 24, kAmxInt8 = 1u << 25;                           // leaf 7, EDX
  constexpr uint64_t kZmmState = 0xe6, kTileState = 0x60000;
  static const Kernels avxvnni = with_products("avxvnni", matmul_avxvnni, kernels_avx2);
  static const Kernels avx512vnni = with_products("avx512vnni", matmul_avx512vnni, kernels_avx512);
  static const Kernels amx = with_products("amx", matmul_amx, kernels_avx512);
  if (seven.eax >= 1 && has(cpuid(7, 1).eax, kAvxVnni)) found.push_back(&avxvnni);  // EAX: the last subleaf
  if (!has(seven.ebx, kAvx512F | kAvx512Dq | kAvx512Bw | kAvx512Vl) || (saved & kZmmState) != kZmmState) return;
  found.push_back(&kernels_avx512);
  if (!has(seven.ecx, kAvx512Vnni)) return;
  found.push_back(&avx512vnni);
  if (!has(seven.edx, kAmxTile | kAmxInt8 | kAmxBf16) || (saved & kTileState) != kTileState) return;
  if (request_tiles()) found.push_back(&amx);
}
#endif

std::vector<const Kernels*> detect() {
  std::vector<const Kernels*> found{&kernels_scalar};
  const Registers one = cpuid(1), seven = cpuid(7);
  constexpr uint32_t kFma = 1u << 12, kOsxsave = 1u << 27, kAvx = 1u << 28, kF16c = 1u << 29;  // leaf 1, ECX
  constexpr uint32_t kAvx2 = 1u << 5, kBmi2 = 1u << 8;                                         // leaf 7, EBX
  constexpr uint64_t kYmmState = 0x06;
  if (!has(one.ecx, kFma | kOsxsave | kAvx | kF16c) || !has(seven.ebx, kAvx2 | kBmi2)) return found;
  const uint64_t saved = saved_states();
  if ((saved & kYmmState) != kYmmState) return found;
  found.push_back(&kernels_avx2);
  add_above_avx2(seven, saved, found);
  return found;
}

#elif defined(__aarch64__)

std::vector<const Kernels*> detect() {
  constexpr unsigned long kDotProduct = 1ul << 20, kI8mm = 1ul << 13;  // HWCAP_ASIMDDP, HWCAP2_I8MM: Linux uapi asm/hwcap.h
  std::vector<const Kernels*> found{&kernels_scalar};
  if (!(hwcap() & kDotProduct)) return found;
  found.push_back(&kernels_neon);
  static const Kernels neoni8mm = with_products("neoni8mm", matmul_neoni8mm, kernels_neon);
  if (hwcap2() & kI8mm) found.push_back(&neoni8mm);
  return found;
}

#else

std::vector<const Kernels*> detect() { return {&kernels_scalar}; }

#endif

}  // namespace

std::span<const Kernels* const> supported_kernels() {
  static const std::vector<const Kernels*> kernels = detect();
  return kernels;
}

Result<const Kernels*> choose_kernels(std::string_view forced) {
  if (forced.empty()) return supported_kernels().back();
  std::string names;
  for (const Kernels* kernels : supported_kernels()) {
    if (kernels->name == forced) return kernels;
    names += names.empty() ? "" : ", ";
    names += kernels->name;
  }
  return fail(Layer::hardware, "isa-unavailable",
              "LUPO_ISA is \"" + std::string(forced) + "\", but this processor runs only: " + names,
              "unset LUPO_ISA, or set it to one of: " + names);
}

}  // namespace lupo::cpu
