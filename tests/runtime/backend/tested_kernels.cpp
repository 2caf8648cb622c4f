#include "runtime/backend/tested_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "runtime/backend/cpu/isa.h"

namespace lupo::cpu {

#if defined(LUPO_TEST_EMULATED)
extern const Kernels emulated_avx512, emulated_avx512vnni;
#endif

namespace {

std::vector<const Kernels*> emulations() {
#if defined(LUPO_TEST_EMULATED)
  return {&emulated_avx512, &emulated_avx512vnni};
#else
  return {};
#endif
}

bool runs(std::span<const Kernels* const> kernels, std::string_view name) {
  return std::ranges::any_of(kernels, [name](const Kernels* k) { return k->name == name; });
}

}  // namespace

std::span<const Kernels* const> tested_kernels() {
  static const std::vector<const Kernels*> kernels = [] {
    std::vector<const Kernels*> all(supported_kernels().begin(), supported_kernels().end());
    if (!runs(all, "avx2")) return all;
    for (const Kernels* emulated : emulations()) {
      if (!runs(supported_kernels(), emulated->name)) all.push_back(emulated);
    }
    return all;
  }();
  return kernels;
}

namespace {

// A processor with AVX2 tests them all; sanitizers see those alone that it has.
TEST(TestedKernels, AreAllWhereEmulationIsBuilt) {
  for (const Kernels* emulated : emulations()) EXPECT_EQ(runs(tested_kernels(), emulated->name), runs(tested_kernels(), "avx2"));
}

}  // namespace
}  // namespace lupo::cpu
