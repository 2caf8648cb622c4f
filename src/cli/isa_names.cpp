#include "cli/isa_names.h"

#include "base/env.h"
#include "runtime/backend/cpu/isa.h"

namespace lupo::cli {

Result<IsaNames> isa_names(const std::string& backend) {
  TRY_ASSIGN(const cpu::Kernels* kernels, cpu::choose_kernels(real_env().variable("LUPO_ISA").value_or("")));
  const std::string best(cpu::supported_kernels().back()->name);
  return IsaNames{backend == "cpu" ? std::string(kernels->name) : backend, backend == "cpu" ? best : backend};
}

}  // namespace lupo::cli
