#include "cli/print.h"

#include <fmt/format.h>

#include <cstdio>

#include "base/printable.h"

namespace lupo::cli {

void print(const Error& error) {
  fmt::print(stderr, "error[{}/{}]: {}\n", layer_name(error.layer), error.code, printable(error.what));
  if (!error.fix.empty()) fmt::print(stderr, "fix: {}\n", printable(error.fix));
}

}  // namespace lupo::cli
