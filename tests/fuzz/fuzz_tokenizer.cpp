#include <cstdio>
#include <cstdlib>

#include "fuzz/tokenizer_invariants.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string broken = lupo::broken_tokenizer_input({reinterpret_cast<const char*>(data), size});
  if (broken.empty()) return 0;
  std::fprintf(stderr, "broken invariant: %s\n", broken.c_str());
  std::abort();
}
