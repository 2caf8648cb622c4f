#include "runtime/backend/tested_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "runtime/backend/cpu/isa.h"

namespace lupo::cpu {

#if defined(LUPO_TEST_EMULATED)
extern const Kernels emulated_avx512;
extern const MatmulTable emulated_avxvnni, emulated_avx512vnni, emulated_amx;
#endif

namespace {

const Kernels* find(std::span<const Kernels* const> kernels, std::string_view name) {
  const auto found = std::ranges::find(kernels, name, &Kernels::name);
  return found == kernels.end() ? nullptr : *found;
}

// Put together as detect() of isa.cpp does.
std::vector<Kernels> emulations() {
#if defined(LUPO_TEST_EMULATED)
  if (const Kernels* avx2 = find(supported_kernels(), "avx2")) {
    const Kernels& avx512 = emulated_avx512;
    return {{"avxvnni", emulated_avxvnni, avx2->vector, avx2->attend},
            avx512,
            {"avx512vnni", emulated_avx512vnni, avx512.vector, avx512.attend},
            {"amx", emulated_amx, avx512.vector, avx512.attend}};
  }
#endif
  return {};
}

}  // namespace

std::span<const Kernels* const> tested_kernels() {
  static const std::vector<Kernels> emulated = emulations();
  static const std::vector<const Kernels*> kernels = [] {
    std::vector<const Kernels*> all(supported_kernels().begin(), supported_kernels().end());
    for (const Kernels& k : emulated) {
      if (!find(supported_kernels(), k.name)) all.push_back(&k);
    }
    return all;
  }();
  return kernels;
}

std::span<const Kernels* const> tested_vector_kernels() {
  static const std::vector<const Kernels*> kernels = [] {
    std::vector<const Kernels*> own;
    for (const Kernels* k : tested_kernels()) {
      const auto shares = [k](const Kernels* o) { return o->vector.norm == k->vector.norm && o->attend.tile == k->attend.tile; };
      if (std::ranges::none_of(own, shares)) own.push_back(k);
    }
    return own;
  }();
  return kernels;
}

namespace {

// A processor with AVX2 tests every x86 set; sanitizers see those alone that it has.
TEST(TestedKernels, AreAllWhereEmulationIsBuilt) {
  for (const Kernels& k : emulations()) EXPECT_TRUE(find(tested_kernels(), k.name)) << k.name;
}

}  // namespace
}  // namespace lupo::cpu
