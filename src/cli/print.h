// How the command line shows an error: two lines on standard error.
#pragma once

#include "base/result.h"

namespace lupo::cli {

// `error[layer/code]: what` and `fix: …`, control bytes escaped.
void print(const Error& error);

}  // namespace lupo::cli
