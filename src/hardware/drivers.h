// What the libraries of GPU drivers answer, as one JSON text that a record keeps beside the files (drivers.json):
//   {"nvml": {"driver": "550.54.14", "devices": [{"name", "pci", "device_id", "subsystem_id", "memory_bytes", "free_bytes",
//     "link_generation_max", "link_generation", "link_lanes_max", "link_lanes"}]},
//    "vulkan": {"devices": [{"name", "type", "vendor_id", "device_id", "memory_bytes", "free_bytes", "pci"?}]}}
// A library that is missing or fails has no entry. Sources: NVIDIA Management Library API reference (nvml.h), Vulkan 1.3
// specification; the few declarations needed are our own, so that neither is needed to build or to run.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace lupo {

struct DriverLibraries {
  std::string nvml = "libnvidia-ml.so.1";
  std::string vulkan = "libvulkan.so.1";
};

// Asks in a child process that has wall_ms_max: a driver may hang, crash, or keep threads and memory. May wake a GPU.
std::string ask_drivers(const DriverLibraries& libraries = {}, int wall_ms_max = 5000);

// In this process; null without the library, or when it answers nothing.
nlohmann::ordered_json ask_nvml(const std::string& library);
nlohmann::ordered_json ask_vulkan(const std::string& library);

}  // namespace lupo
