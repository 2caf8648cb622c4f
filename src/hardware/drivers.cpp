#include "hardware/drivers.h"

#include <nlohmann/json.hpp>

#include "base/isolated.h"

namespace lupo {

std::string ask_drivers(const DriverLibraries& libraries, int wall_ms_max) {
  const auto ask = [&libraries]() -> std::string {
    nlohmann::ordered_json answers = nlohmann::ordered_json::object();
    if (auto nvml = ask_nvml(libraries.nvml); !nvml.is_null()) answers["nvml"] = std::move(nvml);
    if (auto vulkan = ask_vulkan(libraries.vulkan); !vulkan.is_null()) answers["vulkan"] = std::move(vulkan);
    return answers.empty() ? "" : answers.dump(2) + "\n";
  };
  // Drivers reserve addresses for whole GPUs, so that the limit is on time.
  return run_isolated(ask, {.memory_bytes_max = int64_t{1} << 42, .cpu_ms_max = wall_ms_max, .wall_ms_max = wall_ms_max}).output;
}

}  // namespace lupo
