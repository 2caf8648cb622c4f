#include <cstdio>
#include <cstdlib>

#include "fuzz/gguf_invariants.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string broken = lupo::gguf::broken_invariant(std::as_bytes(std::span(data, size)));
  if (broken.empty()) return 0;
  std::fprintf(stderr, "broken invariant: %s\n", broken.c_str());
  std::abort();
}
