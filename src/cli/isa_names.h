// Names of the kernels that a backend uses and of the best that this processor runs.
#pragma once

#include <string>

#include "base/result.h"

namespace lupo::cli {

struct IsaNames {
  std::string in_use;  // "avx512vnni"; "ref" for the reference backend
  std::string best;
};

// Error {hardware, isa-unavailable} when LUPO_ISA names kernels that do not run here.
Result<IsaNames> isa_names(const std::string& backend);

}  // namespace lupo::cli
